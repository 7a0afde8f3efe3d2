/*
 * Patterns of topics, as options have them: words, separated by spaces or line feeds. In a word,
 * one star stands for any characters but the slash, and two stars at its end for any at all, at
 * least one of them: what begins with "news/" and ends with one star means news/sport, but not
 * news/sport/tennis; with two it means both; two stars alone mean every topic.
 */
#ifndef SHARED_TOPIC_PATTERN_H
#define SHARED_TOPIC_PATTERN_H

#include <stdbool.h>

#include "shared/buf.h"

/* Is it one that any of the patterns means? "": none. */
bool topic_pattern_has(const char *patterns, const char *topic);
/* Is each word one that a topic could match? */
bool topic_pattern_is_valid(const char *patterns);

#endif
