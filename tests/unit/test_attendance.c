/* Who is told to be in a group, by the real scripts on a real Redis: each user once, with a grace.
 */
#include "shared/attendance.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/domain.h"
#include "tests/unit/resp.h"

static struct events_rules rules;
static const struct events_node node = {"n1", "boot1"};
static const struct events_node other_node = {"n 2", "boot2"};
static char place[MESSAGE_ID_BYTES]; /* up to which the news were read */
static char told[1024];              /* "+user@group -user@group …" */
static int64_t last_count;           /* of users in the last one's group */

static int64_t say(const struct events_node *n, const char *session, const char *user, bool is_in,
    const char *groups)
{
    struct command c;

    command_init(&c);
    attendance_command(&c, &rules, n, &(struct attendance_telling){session, user, is_in, groups});
    return run_int(&c);
}

static int64_t join(const char *session, const char *user, const char *groups)
{
    return say(&node, session, user, true, groups);
}

static int64_t leave(const char *session, const char *user, const char *groups)
{
    return say(&node, session, user, false, groups);
}

static int64_t tell_parted(int64_t count)
{
    struct command c;

    command_init(&c);
    attendance_parted_command(&c, &rules, count);
    return run_int(&c);
}

static int64_t lose(const struct events_node *n, int64_t count)
{
    struct command c;

    command_init(&c);
    events_lost_command(&c, &rules, n, count);
    return run_int(&c);
}

static struct attendance_news read_news(redisReply **reply)
{
    struct attendance_news news;
    struct command c;

    command_init(&c);
    attendance_news_command(&c, &rules, place, 100);
    *reply = run(&c);
    assert_int_equal(attendance_news_decode(*reply, &news), ERR_OK);
    strcpy(place, news.last_id);
    return news;
}

static void expect_gap(void)
{
    redisReply *reply;
    struct attendance_news news = read_news(&reply);

    assert_true(news.gap);
    assert_int_equal(news.count, 0);
    free(news.changes);
    freeReplyObject(reply);
}

static int start(void **state)
{
    rules = (struct events_rules){.prefix = PREFIX,
        .stream_max = 1000,
        .offline_delay_ms = 60000,
        .news_max = 1000,
        .grace_ms = 60000};
    place[0] = '\0';
    (void)domain_empty(state);
    redis_server_do(&server, "XADD %sattendance:{%sevents} * type none", PREFIX, PREFIX);
    expect_gap();
    return 0;
}

/* What was told since the last call. */
static const char *take_told(void)
{
    redisReply *reply;
    struct attendance_news news = read_news(&reply);

    assert_false(news.gap);
    told[0] = '\0';
    for (size_t i = 0; i < news.count; i++) {
        sprintf(told + strlen(told), "%s%c%s@%s", i ? " " : "", news.changes[i].is_in ? '+' : '-',
            news.changes[i].user_id, news.changes[i].group);
        last_count = news.changes[i].count;
    }
    free(news.changes);
    freeReplyObject(reply);
    return told;
}

static void user_joins_with_the_first_session_on_any_node(void **state)
{
    (void)state;
    assert_int_equal(join("s1", "u1", "chat/1\npc:home"), 2);
    assert_string_equal(take_told(), "+u1@chat/1 +u1@pc:home");
    assert_int_equal(say(&other_node, "s2", "u1", true, "chat/1"), 1);
    assert_int_equal(join("s3", "u2", "chat/1"), 1);
    assert_string_equal(take_told(), "+u2@chat/1");
}

static void nothing_is_told_twice(void **state)
{
    (void)state;
    join("s1", "u1", "chat/1");
    assert_int_equal(join("s1", "u1", "chat/1\nchat/2"), 1);
    assert_string_equal(take_told(), "+u1@chat/1 +u1@chat/2");
    rules.grace_ms = 0;
    assert_int_equal(leave("s1", "u1", "chat/1"), 1);
    assert_int_equal(leave("s1", "u1", "chat/1"), 0);
    assert_int_equal(leave("never", "u1", "chat/2"), 0);
    assert_int_equal(tell_parted(10), 1);
    assert_int_equal(tell_parted(10), 0);
    assert_string_equal(take_told(), "-u1@chat/1");
}

static void who_comes_back_in_time_never_left(void **state)
{
    (void)state;
    join("s1", "u1", "chat/1");
    leave("s1", "u1", "chat/1");
    assert_int_equal(tell_parted(10), 0);
    say(&other_node, "s2", "u1", true, "chat/1");
    rules.grace_ms = 0;
    assert_int_equal(tell_parted(10), 0);
    assert_string_equal(take_told(), "+u1@chat/1");
    say(&other_node, "s2", "u1", false, "chat/1");
    assert_int_equal(tell_parted(10), 1);
    assert_string_equal(take_told(), "-u1@chat/1");
}

static void who_has_another_session_has_not_left(void **state)
{
    (void)state;
    rules.grace_ms = 0;
    join("s1", "u1", "chat/1");
    say(&other_node, "s2", "u1", true, "chat/1");
    leave("s1", "u1", "chat/1");
    assert_int_equal(tell_parted(10), 0);
    say(&other_node, "s2", "u1", false, "chat/1");
    assert_int_equal(tell_parted(10), 1);
    assert_string_equal(take_told(), "+u1@chat/1 -u1@chat/1");
}

static void users_of_a_dead_node_leave_after_the_grace(void **state)
{
    (void)state;
    rules.grace_ms = 0;
    say(&other_node, "s1", "u1", true, "chat/1\npc:home");
    say(&other_node, "s2", "u2", true, "chat/1");
    join("s3", "u2", "chat/1");
    (void)take_told();
    assert_int_equal(lose(&other_node, 2), 2);
    assert_int_equal(lose(&other_node, 2), 1);
    assert_int_equal(lose(&other_node, 2), 0);
    assert_int_equal(tell_parted(1), 1);
    assert_int_equal(tell_parted(10), 1);
    const char *lost = take_told();
    assert_non_null(strstr(lost, "-u1@chat/1"));
    assert_non_null(strstr(lost, "-u1@pc:home"));
    assert_int_equal(say(&other_node, "s1", "u1", true, "chat/1"), 1); /* it was not dead */
    assert_string_equal(take_told(), "+u1@chat/1");
}

static void backend_is_told_too_if_it_wants_to(void **state)
{
    (void)state;
    join("s1", "u1", "chat/1\npc:home");
    redisReply *reply = redis_server_ask(&server, "XRANGE %sevents - +", PREFIX);
    assert_int_equal(reply->elements, 2);
    const redisReply *topic = reply->element[0]->element[1], *page = reply->element[1]->element[1];
    assert_int_equal(topic->elements, 8);
    assert_string_equal(topic->element[1]->str, "joined");
    assert_string_equal(topic->element[5]->str, "u1");
    assert_string_equal(topic->element[6]->str, "topic");
    assert_string_equal(topic->element[7]->str, "chat/1");
    assert_string_equal(page->element[7]->str, "pc");
    assert_string_equal(page->element[9]->str, "home");
    freeReplyObject(reply);
    rules.stream_max = 0;
    join("s1", "u1", "chat/2");
    assert_int_equal(redis_server_ask_int(&server, "XLEN %sevents", PREFIX), 2);
    assert_string_equal(take_told(), "+u1@chat/1 +u1@pc:home +u1@chat/2");
}

/* "session user@group …", in the order of the hash. */
static const char *find_places(const struct events_node *n)
{
    struct attendance_places places;
    struct command c;

    command_init(&c);
    attendance_places_command(&c, &rules, n, ATTENDANCE_CURSOR_FIRST);
    redisReply *reply = run(&c);
    assert_int_equal(attendance_places_decode(reply, &places), ERR_OK);
    assert_string_equal(places.cursor, ATTENDANCE_CURSOR_FIRST);
    told[0] = '\0';
    for (size_t i = 0; i < places.count; i++) {
        const struct attendance_place *p = &places.items[i];
        sprintf(
            told + strlen(told), "%s%s %s@%s", i ? " " : "", p->session_id, p->user_id, p->group);
    }
    free(places.items);
    freeReplyObject(reply);
    return told;
}

static void places_are_those_of_a_nodes_sessions(void **state)
{
    (void)state;
    assert_string_equal(find_places(&node), "");
    join("s1", "u1", "chat/1\npc:a b");
    say(&other_node, "s2", "u2", true, "chat/1");
    assert_string_equal(find_places(&node), "s1 u1@chat/1 s1 u1@pc:a b");
    leave("s1", "u1", "chat/1");
    assert_string_equal(find_places(&node), "s1 u1@pc:a b");
    assert_string_equal(find_places(&other_node), "s2 u2@chat/1");
}

static void list(const char *group, int64_t most, int64_t count, const char *names)
{
    struct attendance_list found;
    char text[256] = "";
    struct command c;

    command_init(&c);
    attendance_list_command(&c, &rules, group, most);
    redisReply *reply = run(&c);
    assert_int_equal(attendance_list_decode(reply, &found), ERR_OK);
    for (size_t i = 0; i < found.name_count; i++) {
        strcat(strcat(text, i ? " " : ""), found.names[i]);
    }
    assert_int_equal(found.count, count);
    assert_string_equal(text, names);
    free(found.names);
    freeReplyObject(reply);
}

static void list_has_the_users_of_the_group_and_no_others(void **state)
{
    (void)state;
    join("s1", "u1", "chat/1\nchat/10\nchat");
    join("s2", "u2", "chat/1");
    join("s3", "\xC3\xA9", "chat/1");
    join("s4", "u4", "chat/2");
    leave("s2", "u2", "chat/1"); /* until the grace is over */
    list("chat/1", 10, 3, "u1 u2 \xC3\xA9");
    list("chat/1", 2, 3, "u1 u2");
    list("chat", 10, 1, "u1");
    list("cha", 10, 0, "");
}

static void gap_is_told_when_entries_are_gone(void **state)
{
    (void)state;
    join("s1", "u1", "chat/1");
    (void)take_told();
    redis_server_do(&server, "XTRIM %sattendance:{%sevents} MAXLEN 0", PREFIX, PREFIX);
    join("s2", "u2", "chat/1");
    expect_gap();
    join("s3", "u3", "chat/1");
    assert_string_equal(take_told(), "+u3@chat/1"); /* from the end of the gap on */
}

static void first_entries_of_all_are_a_gap(void **state)
{
    (void)domain_empty(state);
    strcpy(place, "0-0");
    assert_string_equal(take_told(), "");
    join("s1", "u1", "chat/1"); /* is it the first one? Others may have been trimmed away */
    expect_gap();
    assert_string_equal(take_told(), "");
}

static void news_begin_where_the_stream_ends(void **state)
{
    (void)state;
    join("s1", "u1", "chat/1");
    place[0] = '\0';
    expect_gap(); /* what happened before is in the list only */
    join("s2", "u2", "chat/1");
    assert_string_equal(take_told(), "+u2@chat/1");
}

/* Of a stream that was empty it is not known what was trimmed since. */
static void changes_tell_how_many_users_there_are(void **state)
{
    (void)state;
    rules.grace_ms = 0;
    join("s1", "u1", "chat/1\nchat/10\nchat");
    join("s2", "u2", "chat/1");
    (void)take_told();
    assert_int_equal(last_count, 2);
    leave("s1", "u1", "chat/1");
    tell_parted(10);
    assert_string_equal(take_told(), "-u1@chat/1");
    assert_int_equal(last_count, 1);
}

static void news_are_bounded(void **state)
{
    (void)state;
    rules.grace_ms = 0;
    rules.news_max = 10;
    for (int i = 0; i < 150; i++) {
        join("s1", "u1", "chat/1");
        leave("s1", "u1", "chat/1");
        tell_parted(10);
    }
    assert_in_range(
        redis_server_ask_int(&server, "XLEN %sattendance:{%sevents}", PREFIX, PREFIX), 10, 210);
}

static void last_change_of_each_user_counts(void **state)
{
    struct attendance_news news = {.count = 7};
    struct attendance_change changes[] = {{"b", "u1", true, 1, 0}, {"a", "u2", false, 1, 1},
        {"a", "u1", true, 2, 2}, {"a", "u2", true, 3, 3}, {"a", "u1", false, 2, 4},
        {"a", "u1", true, 3, 5}, {"a", "u0", false, 2, 6}};

    (void)state;
    news.changes = changes;
    attendance_news_settle(&news);
    assert_int_equal(news.count, 4);
    assert_string_equal(changes[0].user_id, "u0");
    assert_false(changes[0].is_in);
    assert_string_equal(changes[1].user_id, "u1");
    assert_true(changes[1].is_in);
    assert_int_equal(changes[1].count, 3);
    assert_string_equal(changes[2].user_id, "u2");
    assert_true(changes[2].is_in);
    assert_string_equal(changes[3].group, "b");
}

static void decoders_survive_any_reply(void **state)
{
    static const char *const replies[] = {"$-1\r\n", ":5\r\n", "*0\r\n", "*1\r\n:1\r\n",
        "*2\r\n:1\r\n:2\r\n", "*3\r\n$3\r\n1-1\r\n:0\r\n*1\r\n:1\r\n",
        "*3\r\n$3\r\n1-1\r\n:0\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$4\r\ntype\r\n$4\r\nleft\r\n",
        "*2\r\n$1\r\n0\r\n*1\r\n$4\r\ns1 g\r\n", "*2\r\n$0\r\n\r\n*0\r\n",
        "*2\r\n$1\r\n0\r\n*2\r\n$2\r\ns1\r\n$2\r\nu1\r\n",
        "*2\r\n$1\r\n0\r\n*2\r\n$26\r\n0123456789012345678901 g/1\r\n:1\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct attendance_list found;
        struct attendance_news news;
        struct attendance_places places;
        redisReply *reply = reply_of(replies[i]);

        if (attendance_list_decode(reply, &found) == ERR_OK) {
            free(found.names);
        }
        if (attendance_news_decode(reply, &news) == ERR_OK) {
            assert_int_equal(news.count, 0);
            free(news.changes);
        }
        if (attendance_places_decode(reply, &places) == ERR_OK) {
            assert_int_equal(places.count, 0);
            free(places.items);
        }
        freeReplyObject(reply);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(user_joins_with_the_first_session_on_any_node),
        TEST(nothing_is_told_twice),
        TEST(who_comes_back_in_time_never_left),
        TEST(who_has_another_session_has_not_left),
        TEST(users_of_a_dead_node_leave_after_the_grace),
        TEST(backend_is_told_too_if_it_wants_to),
        TEST(places_are_those_of_a_nodes_sessions),
        TEST(list_has_the_users_of_the_group_and_no_others),
        TEST(gap_is_told_when_entries_are_gone),
        TEST(first_entries_of_all_are_a_gap),
        TEST(news_begin_where_the_stream_ends),
        TEST(changes_tell_how_many_users_there_are),
        TEST(news_are_bounded),
        TEST(last_change_of_each_user_counts),
        TEST(decoders_survive_any_reply),
    };

    return cmocka_run_group_tests(tests, domain_start, domain_stop);
}
