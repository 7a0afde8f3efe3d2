/*
 * Whom a message is for: some of a user's sessions, or a group of sessions (group_name.h).
 */
#ifndef SHARED_TARGET_H
#define SHARED_TARGET_H

#include "shared/address.h"
#include "shared/group_name.h"
#include "shared/id.h"
#include "shared/json.h"

/* Either group is set, or user_id. The rest narrows a user's sessions; "": not narrowed. page needs
 * server_client. */
struct target {
    char group[GROUP_NAME_BYTES];
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    char server_client[ADDRESS_PART_BYTES_MAX + 1];
    char page[ADDRESS_PART_BYTES_MAX + 1];
    char session_id[SESSION_ID_BYTES];
};

/*
 * The members userId, serverClient, page, sessionId, key, topic and all of a caller's object; path
 * as in json.h. Besides what json.h and address.h say of single members, with the member in p:
 *   ERR_NO_TARGET      none of them is there, or sessionId without userId
 *   ERR_TWO_TARGETS    two that do not go together
 *   ERR_MISSING_FIELD  page without serverClient
 *   ERR_BAD_VALUE      sessionId is no session id; all is false
 */
enum err target_parse(
    struct json_object *object, const char *path, struct target *out, struct problem *p) MUST_CHECK;

/* Is a session at this address one that the target means? (its userId is not compared, its id is)
 */
bool target_matches(const struct target *t, const struct address *a, const char *session_id);
/* The serverClient whose sessions it means; "": others' too. Borrowed from t or out. */
const char *target_reach(const struct target *t, char out[ADDRESS_PART_BYTES_MAX + 1]);
/* Orders targets by user, or by group; 0: both mean the same one, however narrowed. */
int target_compare_subjects(const struct target *a, const struct target *b);
/* The narrowing as it is stored in the inbox: "*", "pc" or "pc:home". */
#define NARROWING_BYTES (2 * ADDRESS_PART_BYTES_MAX + 2)
void target_format_narrowing(const struct target *t, char *out, size_t out_bytes);

#endif
