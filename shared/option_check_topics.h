/*
 * Rules of option_check.c about patterns of topics, and of pages (topic_pattern.h).
 */
#ifndef SHARED_OPTION_CHECK_TOPICS_H
#define SHARED_OPTION_CHECK_TOPICS_H

#include "shared/config.h"

bool option_check_topics_allowed(const struct config *c);
bool option_check_topics_kept(const struct config *c);
bool option_check_topics_presence(const struct config *c);
bool option_check_topics_presence_pages(const struct config *c);

#endif
