/*
 * Matching with one place to come back to: a `*` cannot go beyond its segment, so the last one is
 * the only one that can still take more.
 */
#include "shared/topic_pattern.h"

#include <string.h>

#include "shared/address.h"

static const char rest[] = "**";
static const char between[] = " \n";

/* Takes the next word off *patterns. false: there is none. */
static bool take_word(const char **patterns, struct slice *word)
{
    const char *at = *patterns + strspn(*patterns, between);
    size_t len = strcspn(at, between);

    *word = (struct slice){at, len};
    *patterns = at + len;
    return len > 0;
}

static bool is_rest(struct slice pattern, size_t at)
{
    return pattern.len - at == strlen(rest) && memcmp(pattern.at + at, rest, strlen(rest)) == 0;
}

static bool matches(struct slice pattern, const char *topic)
{
    size_t at = 0;
    size_t after_star = 0; /* 0: there was none in this segment */
    const char *star_topic = topic;

    while (*topic) {
        if (is_rest(pattern, at)) {
            return true;
        }
        if (at < pattern.len && pattern.at[at] == '*') {
            after_star = ++at;
            star_topic = topic;
        } else if (at < pattern.len && pattern.at[at] == *topic) {
            at++;
            topic++;
        } else if (after_star > 0 && *star_topic != '/') {
            topic = ++star_topic;
            at = after_star;
        } else {
            return false;
        }
    }
    while (at < pattern.len && pattern.at[at] == '*' && !is_rest(pattern, at)) {
        at++;
    }
    return at == pattern.len;
}

bool topic_pattern_has(const char *patterns, const char *topic)
{
    struct slice word;

    while (take_word(&patterns, &word)) {
        if (matches(word, topic)) {
            return true;
        }
    }
    return false;
}

/* As a topic, once its stars are taken for characters. */
static bool word_is_valid(struct slice word)
{
    char text[ADDRESS_PART_BYTES_MAX + 1];

    if (word.len > ADDRESS_PART_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        bool is_star = word.at[i] == '*';

        if (is_star && i + 1 < word.len && word.at[i + 1] == '*' && !is_rest(word, i)) {
            return false;
        }
        text[i] = is_star ? 'x' : word.at[i];
    }
    return address_check_topic((struct slice){text, word.len}, "", NULL) == ERR_OK;
}

bool topic_pattern_is_valid(const char *patterns)
{
    struct slice word;

    while (take_word(&patterns, &word)) {
        if (!word_is_valid(word)) {
            return false;
        }
    }
    return true;
}
