/*
 * What the two files of socketsend.v1 share: format.h has the contract.
 */
#ifndef WSNODE_FORMAT_V1_H
#define WSNODE_FORMAT_V1_H

#include "wsnode/format.h"

enum err format_v1_parse(
    struct slice frame, struct format_event *out, struct problem *p) MUST_CHECK;

#endif
