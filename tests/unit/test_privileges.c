/* Who is found by which name, and that root is given up for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/privileges.h"

static void user_has_its_own_group_unless_another_is_named(void **state)
{
    struct identity who;

    (void)state;
    assert_int_equal(identity_find("daemon", "", &who, NULL), ERR_OK);
    assert_string_equal(who.user, "daemon");
    assert_int_equal(who.uid, getpwnam("daemon")->pw_uid);
    assert_int_equal(who.gid, getpwnam("daemon")->pw_gid);
    assert_int_equal(identity_find("daemon:games", "", &who, NULL), ERR_OK);
    assert_int_equal(who.gid, getgrnam("games")->gr_gid);
}

static void unknown_names_are_told(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } bad[] = {
        {"no-such-user", "there is no user \"no-such-user\""},
        {"daemon:no-such-group", "there is no group \"no-such-group\""},
        {"daemon:", "there is no group \"\""},
        {":games", "must be user or user:group"},
        {"", "must be user or user:group"},
        {"a-name-that-is-longer-than-any-user-of-any-host-may-have-0123456789",
            "must be user or user:group"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct identity who = {.uid = 77};
        struct problem p = {0};

        assert_int_equal(identity_find(bad[i].text, "node.user", &who, &p), ERR_BAD_VALUE);
        assert_string_equal(p.field, "node.user");
        assert_string_equal(p.msg, bad[i].said);
        assert_int_equal(who.uid, 77);
    }
}

/* In a process of its own: which step did not go as it should, or 0. */
static int give_up_root(void)
{
    gid_t groups[64];

    if (privileges_drop("daemon:games", "node.user", NULL)) {
        return 1;
    }
    if (getuid() != getpwnam("daemon")->pw_uid || geteuid() != getuid()) {
        return 2;
    }
    if (getgid() != getgrnam("games")->gr_gid || getegid() != getgid()) {
        return 3;
    }
    for (int i = getgroups(64, groups); i-- > 0;) {
        if (groups[i] == 0) {
            return 4;
        }
    }
    if (setuid(0) == 0 || setgid(0) == 0) {
        return 5;
    }
    return prctl(PR_GET_DUMPABLE) == 1 ? 0 : 6;
}

static int status_of(int (*in_a_process)(void))
{
    pid_t pid = fork();
    int how = -1;

    if (pid == 0) {
        _exit(in_a_process());
    }
    assert_int_equal(waitpid(pid, &how, 0), pid);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static void root_is_given_up_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(status_of(give_up_root), 0);
}

static int change_nothing(void)
{
    uid_t before = geteuid();

    return privileges_drop("", "node.user", NULL) || geteuid() != before;
}

static void nothing_changes_unless_it_is_configured(void **state)
{
    (void)state;
    assert_int_equal(status_of(change_nothing), 0);
}

static int forbid(void)
{
    privileges_forbid_new();
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static void programs_that_are_started_get_no_more_rights(void **state)
{
    (void)state;
    assert_int_equal(status_of(forbid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_has_its_own_group_unless_another_is_named),
        cmocka_unit_test(unknown_names_are_told),
        cmocka_unit_test(root_is_given_up_for_good),
        cmocka_unit_test(nothing_changes_unless_it_is_configured),
        cmocka_unit_test(programs_that_are_started_get_no_more_rights),
    };

    log_init("test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
