/* Finding sessions by id and user, while they come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wsnode/session.h"

#define MANY 3000

static struct session *add(struct session_table *t, const char *name, struct address a)
{
    struct session *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    snprintf(s->id, sizeof(s->id), "%-22s", name);
    assert_int_equal(session_table_add(t, s, &a), ERR_OK);
    return s;
}

static void drop(struct session_table *t, struct session *s)
{
    session_table_remove(t, s);
    free(s);
}

static void count_one(struct session *s, void *arg)
{
    (void)s;
    (*(int *)arg)++;
}

static void drop_one(struct session *s, void *arg)
{
    drop(arg, s);
}

static void session_is_found_by_its_id_until_it_leaves(void **state)
{
    struct session_table t;
    char id[SESSION_ID_BYTES];

    (void)state;
    session_table_init(&t);
    struct session *s = add(&t, "one", (struct address){"pc", "home", "u1"});
    memcpy(id, s->id, sizeof(id));
    assert_ptr_equal(session_table_find(&t, id), s);
    assert_null(session_table_find(&t, "another---------------"));
    assert_null(session_table_find(&t, "short"));
    assert_null(session_table_find(&t, ""));
    drop(&t, s);
    assert_null(session_table_find(&t, id));
    assert_int_equal(t.count, 0);
    session_table_finish(&t);
}

static void address_is_given_back(void **state)
{
    struct session_table t;
    struct address in = {"p", "home page", "J\xc3\xbcrgen"}, out;

    (void)state;
    memset(in.page, 'x', ADDRESS_PART_BYTES_MAX);
    session_table_init(&t);
    struct session *s = add(&t, "one", in);
    session_table_address(s, &out);
    assert_string_equal(out.server_client, in.server_client);
    assert_string_equal(out.page, in.page);
    assert_string_equal(out.user_id, in.user_id);
    drop(&t, s);
    session_table_finish(&t);
}

static void sessions_of_one_page_keep_their_address_when_others_leave(void **state)
{
    struct session_table t;
    struct address out;

    (void)state;
    session_table_init(&t);
    struct session *first = add(&t, "a", (struct address){"pc", "home", "u1"});
    struct session *second = add(&t, "b", (struct address){"pc", "home", "u2"});
    struct session *glued = add(&t, "c", (struct address){"p", "chome", "u2"});
    drop(&t, first);
    session_table_address(second, &out);
    assert_string_equal(out.server_client, "pc");
    assert_string_equal(out.page, "home");
    session_table_address(glued, &out);
    assert_string_equal(out.page, "chome");
    session_table_each(&t, drop_one, &t);
    session_table_finish(&t);
}

static void groups_hold_their_own_members_only(void **state)
{
    struct session_table t;
    int u1 = 0, u2 = 0, nobody = 0, all = 0;

    (void)state;
    session_table_init(&t);
    add(&t, "a", (struct address){"pc", "home", "u1"});
    add(&t, "b", (struct address){"pc", "home", "u2"});
    add(&t, "c", (struct address){"app", "home", "u1"});
    session_table_each_of_user(&t, "u1", count_one, &u1);
    session_table_each_of_user(&t, "u2", count_one, &u2);
    session_table_each_of_user(&t, "u", count_one, &nobody);
    session_table_each(&t, count_one, &all);
    assert_int_equal(u1, 2);
    assert_int_equal(u2, 1);
    assert_int_equal(nobody, 0);
    assert_int_equal(all, 3);
    session_table_each(&t, drop_one, &t);
    session_table_finish(&t);
}

static int members_of(const struct session_table *t, const char *group)
{
    int count = 0;

    session_table_each_of_group(t, group, count_one, &count);
    assert_int_equal(session_table_count_of_group(t, group), count);
    return count;
}

static void page_server_client_and_all_have_their_members(void **state)
{
    struct session_table t;

    (void)state;
    session_table_init(&t);
    struct session *a = add(&t, "a", (struct address){"pc", "home", "u1"});
    struct session *b = add(&t, "b", (struct address){"pc", "home", "u2"});
    add(&t, "c", (struct address){"pc", "shop", "u1"});
    add(&t, "d", (struct address){"pc2", "home", "u3"});
    assert_int_equal(members_of(&t, "pc:home"), 2);
    assert_int_equal(members_of(&t, "pc:"), 3);
    assert_int_equal(members_of(&t, "p:"), 0);
    assert_int_equal(members_of(&t, "pc2:"), 1);
    assert_int_equal(members_of(&t, "pc:hom"), 0);
    assert_int_equal(members_of(&t, ":"), 4);
    drop(&t, a); /* the last one of the page takes its place */
    assert_int_equal(members_of(&t, "pc:home"), 1);
    drop(&t, b);
    assert_int_equal(members_of(&t, "pc:home"), 0);
    assert_int_equal(members_of(&t, ":"), 2);
    session_table_each(&t, drop_one, &t);
    session_table_finish(&t);
}

static void sessions_may_leave_while_their_group_is_walked(void **state)
{
    struct session_table t;

    (void)state;
    session_table_init(&t);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u%d", i);
        add(&t, name, (struct address){"pc", "home", "u1"});
        name[0] = 'p';
        add(&t, name, (struct address){"pc", "other", "u2"});
    }
    session_table_each_of_user(&t, "u1", drop_one, &t);
    assert_int_equal(t.count, 5);
    session_table_each(&t, drop_one, &t);
    assert_int_equal(t.count, 0);
    session_table_finish(&t);
}

static void many_sessions_come_and_go(void **state)
{
    static struct session *sessions[MANY];
    struct session_table t;
    char name[16];

    (void)state;
    session_table_init(&t);
    for (int i = 0; i < MANY; i++) {
        struct address a = {"pc", "home", ""};
        snprintf(name, sizeof(name), "%d", i);
        snprintf(a.user_id, sizeof(a.user_id), "u%d", i / 2);
        sessions[i] = add(&t, name, a);
    }
    for (int i = 0; i < MANY; i += 2) {
        drop(&t, sessions[i]);
    }
    for (int i = 1; i < MANY; i += 2) {
        int members = 0;
        snprintf(name, sizeof(name), "u%d", i / 2);
        session_table_each_of_user(&t, name, count_one, &members);
        assert_int_equal(members, 1);
        assert_ptr_equal(session_table_find(&t, sessions[i]->id), sessions[i]);
    }
    session_table_each(&t, drop_one, &t);
    session_table_finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_is_found_by_its_id_until_it_leaves),
        cmocka_unit_test(address_is_given_back),
        cmocka_unit_test(sessions_of_one_page_keep_their_address_when_others_leave),
        cmocka_unit_test(groups_hold_their_own_members_only),
        cmocka_unit_test(page_server_client_and_all_have_their_members),
        cmocka_unit_test(sessions_may_leave_while_their_group_is_walked),
        cmocka_unit_test(many_sessions_come_and_go),
    };

    return cmocka_run_group_tests_name("session_table", tests, NULL, NULL);
}
