#include "tests/unit/fake_attendance.h"

#include <stdio.h>
#include <string.h>

struct fake_attendance fake_attendance;

static void note(char kind, const char *group)
{
    size_t len = strlen(fake_attendance.told);

    snprintf(fake_attendance.told + len, sizeof(fake_attendance.told) - len, "%s%c%s",
        len > 0 ? " " : "", kind, group);
}

void attendance_join_page(struct node *n, struct session *s)
{
    (void)n;
    (void)s;
    note('+', "page");
}

void attendance_join_topic(struct node *n, struct session *s, const char *topic)
{
    (void)n;
    (void)s;
    note('+', topic);
}

void attendance_leave_page(struct node *n, struct session *s)
{
    (void)n;
    (void)s;
    note('-', "page");
}

void attendance_leave_topic(struct node *n, struct session *s, const char *topic)
{
    (void)n;
    (void)s;
    note('-', topic);
}
