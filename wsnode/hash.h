/*
 * uthash as we use it: a table that cannot grow leaves the element out instead of ending the
 * process. After an addition ask hash_has(); `handle` is the UT_hash_handle's name in the element.
 */
#ifndef WSNODE_HASH_H
#define WSNODE_HASH_H

#define HASH_NONFATAL_OOM 1
/* uthash's default function relies on fall-through that compilers warn of when it is expanded here.
 */
#define HASH_FUNCTION HASH_OAT
#include <uthash.h>

#define hash_has(element, handle) ((element)->handle.tbl != NULL)

#endif
