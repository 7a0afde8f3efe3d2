/*
 * Time, in milliseconds. Modules take `now_ms` as an argument; only loops and threads ask the
 * clock.
 */
#ifndef SHARED_CLOCK_H
#define SHARED_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC: for deadlines and intervals */
int64_t clock_wall_ms(void); /* CLOCK_REALTIME since 1970: for what is stored or shown */

#endif
