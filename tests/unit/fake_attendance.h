/*
 * Attendance that is only noted. Implements what sessions call of wsnode/attendance.h.
 */
#ifndef TESTS_UNIT_FAKE_ATTENDANCE_H
#define TESTS_UNIT_FAKE_ATTENDANCE_H

#include "wsnode/attendance.h"

struct fake_attendance {
    char told[256]; /* "begin +topic -topic end …" */
};
extern struct fake_attendance fake_attendance; /* set it to {0} before each test */

#endif
