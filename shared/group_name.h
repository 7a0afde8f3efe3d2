/*
 * Groups are named: a topic by its own name; the groups that sessions are in without subscribing by
 * the beginning of their key: a page "pc:home", a serverClient "pc:", all ":". A topic cannot have
 * a colon, and neither can a serverClient or a page, so no two groups have one name.
 */
#ifndef SHARED_GROUP_NAME_H
#define SHARED_GROUP_NAME_H

#include <stdbool.h>

#include "shared/address.h"

/* page "": the serverClient; both "": all. Returns out. */
const char *group_name_format(
    const char *server_client, const char *page, char out[GROUP_NAME_BYTES]);
bool group_name_is_topic(const char *group);
/* The serverClient whose sessions it has; "": there may be others'. Returns out. */
const char *group_name_server_client(const char *group, char out[ADDRESS_PART_BYTES_MAX + 1]);
/* From outside: checks and copies. ERR_BAD_ADDRESS as address.h has it. */
enum err group_name_copy(
    struct slice text, const char *field, char out[GROUP_NAME_BYTES], struct problem *p) MUST_CHECK;

#endif
