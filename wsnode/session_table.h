/*
 * A node's sessions: by id, by user and by page. Users and pages appear with their first session
 * and go with their last. Iteration is safe while the current session leaves.
 */
#ifndef WSNODE_SESSION_TABLE_H
#define WSNODE_SESSION_TABLE_H

#include <sys/queue.h>

#include "shared/address.h"

struct session;
struct session_user; /* one userId: its sessions, and the string itself */
struct session_page; /* one serverClient and page: its sessions, and the strings */

struct session_table {
    struct session *by_id;        /* uthash */
    struct session_user *by_user; /* uthash */
    struct session_page *by_page; /* uthash */
    int64_t count;
};

void session_table_init(struct session_table *t);
void session_table_finish(struct session_table *t); /* must be empty */
/* s->id is set; joins the groups of the address. ERR_NO_MEMORY: s is in no group. */
enum err session_table_add(
    struct session_table *t, struct session *s, const struct address *a) MUST_CHECK;
void session_table_remove(struct session_table *t, struct session *s);
struct session *session_table_find(
    const struct session_table *t, const char *session_id); /* borrowed or NULL */
/* fn may remove the session that it was called with. */
void session_table_each_of_user(struct session_table *t, const char *user_id,
    void (*fn)(struct session *s, void *arg), void *arg);
/* Of a page, a serverClient or all (group_name.h), as it is now; fn must not remove any. */
size_t session_table_count_of_group(const struct session_table *t, const char *group);
void session_table_each_of_group(const struct session_table *t, const char *group,
    void (*fn)(struct session *s, void *arg), void *arg);
void session_table_each(
    struct session_table *t, void (*fn)(struct session *s, void *arg), void *arg);
/* The address of a session that is in the table. */
void session_table_address(const struct session *s, struct address *out);

#endif
