/*
 * What the attendance_*.c files share with each other and nobody else.
 */
#ifndef WSNODE_ATTENDANCE_STATE_H
#define WSNODE_ATTENDANCE_STATE_H

#include "shared/attendance.h"
#include "wsnode/attendance.h"
#include "wsnode/hash.h"
#include "wsnode/session_walk.h"
#include "wsnode/window.h"

/* Sessions that are to be told who is in a group. */
struct attendance_roll {
    UT_hash_handle hh;
    int64_t due_ms; /* monotonic */
    bool for_all;   /* the members of the group, whoever they are */
    struct session_list sessions;
    char group[GROUP_NAME_BYTES];
};

struct attendance {
    struct events_rules rules;      /* prefix only */
    struct attendance_roll *rolls;  /* uthash; owned: to be asked for */
    struct window window;           /* of rolls that were asked for */
    char last_id[MESSAGE_ID_BYTES]; /* of the news; "": none was read yet */
    int64_t next_ms;                /* when they are read next */
    bool reading;
};

/* attendance.c */
bool attendance_has_group(const struct node *n, const char *group); /* do the options want it? */
bool attendance_is_in(const struct session *s, const char *group);  /* as it was told itself */

/* attendance_audit.c */
void attendance_audit(struct node *n);

/* attendance_roll.c */
/* s NULL: all members. What there is no memory for is left out: news come all the same. */
void attendance_call_roll(
    struct node *n, const char *group, const struct session *s, int64_t due_ms);
void attendance_send_rolls(struct node *n, int64_t now_ms);
void attendance_drop_rolls(struct attendance *a);

/* attendance_news.c */
void attendance_read_news(struct node *n, int64_t now_ms);

/* attendance_tell.c */
/* To these sessions (taken over), as far as they are in the group still; NULL: to all in it. Those
 * whose queue is full are told later who is there. */
void attendance_tell(
    struct node *n, const struct format_presence *what, struct session_list *sessions);

#endif
