/* Which topics a pattern means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/topic_pattern.h"

static void pattern_means_these_topics_and_no_others(void **state)
{
    static const struct {
        const char *patterns;
        const char *topic;
        bool has;
    } cases[] = {
        {"", "news", false},
        {"news", "news", true},
        {"news", "newspaper", false},
        {"news", "new", false},
        {"*", "news", true},
        {"*", "news/sport", false},
        {"news/*", "news/sport", true},
        {"news/*", "news/", true},
        {"news/*", "news", false},
        {"news/*", "news/sport/tennis", false},
        {"*/sport", "news/sport", true},
        {"*/sport", "a/b/sport", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXc", false},
        {"a*/b*c", "aXX/bYcYc", true},
        {"a*/b*c", "aX/bYcY", false},
        {"news/**", "news/sport", true},
        {"news/**", "news/sport/tennis", true},
        {"news/**", "news/", false},
        {"news/**", "news", false},
        {"**", "any/thing", true},
        {"a*/**", "ab/c/d", true},
        {"a*/**", "b/c/d", false},
        {"news chat/*", "chat/1", true},
        {"  news   chat/*  ", "news", true},
        {"news chat/*", "mail", false},
        {"ne*", "new*", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool has = topic_pattern_has(cases[i].patterns, cases[i].topic);

        if (has != cases[i].has) {
            fail_msg("\"%s\" and \"%s\": %d", cases[i].patterns, cases[i].topic, has);
        }
    }
}

static void pattern_that_no_topic_can_match_is_not_valid(void **state)
{
    static const char *const good[] = {"", " ", "news", "news/* chat/**", "**", "a*b"};
    static const char *const bad[] = {"a:b", "a{b}", "**/a", "a/**/b", "***", "a\x01"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(topic_pattern_is_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(topic_pattern_is_valid(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pattern_means_these_topics_and_no_others),
        cmocka_unit_test(pattern_that_no_topic_can_match_is_not_valid),
    };

    return cmocka_run_group_tests_name("topic_pattern", tests, NULL, NULL);
}
