/*
 * One line per rule.
 */
#include "shared/option_check_topics.h"

#include "shared/topic_pattern.h"

bool option_check_topics_allowed(const struct config *c)
{
    return topic_pattern_is_valid(c->topics_allow);
}

bool option_check_topics_kept(const struct config *c)
{
    return topic_pattern_is_valid(c->topics_history);
}

bool option_check_topics_presence(const struct config *c)
{
    return topic_pattern_is_valid(c->presence_topics);
}

bool option_check_topics_presence_pages(const struct config *c)
{
    return topic_pattern_is_valid(c->presence_pages);
}
