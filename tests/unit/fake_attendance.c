#include "tests/unit/fake_attendance.h"

#include <stdio.h>
#include <string.h>

struct fake_attendance fake_attendance;

static void note(const char *what, const char *group)
{
    size_t len = strlen(fake_attendance.told);

    snprintf(fake_attendance.told + len, sizeof(fake_attendance.told) - len, "%s%s%s",
        len > 0 ? " " : "", what, group);
}

void attendance_begin(struct node *n, struct session *s)
{
    (void)n;
    (void)s;
    note("begin", "");
}

void attendance_join(struct node *n, struct session *s, const char *topic)
{
    (void)n;
    (void)s;
    note("+", topic);
}

void attendance_leave(struct node *n, struct session *s, const char *topic)
{
    (void)n;
    (void)s;
    note("-", topic);
}

void attendance_end(struct node *n, struct session *s)
{
    (void)n;
    (void)s;
    note("end", "");
}
