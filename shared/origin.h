/*
 * Which web pages may connect. A browser says in Origin (RFC 6454 7) from where the script comes
 * that opens a WebSocket, and sends the site's cookies along wherever that is: so the server has to
 * look at it (RFC 6455 10.2). No I/O.
 *
 * A list has entries separated by spaces:
 *   https://app.example.com  exactly this one; the scheme's own port may be left out. A host that
 *                            begins with "*." stands for all below the rest, not for the rest
 *   same-host                http or https, and the host and port that the request is for
 *   null                     pages without an origin: files, sandboxed frames
 *   *                        all but null
 */
#ifndef SHARED_ORIGIN_H
#define SHARED_ORIGIN_H

#include <stdbool.h>

#include "shared/buf.h"

/* ERR_BAD_VALUE: an entry is none of the above, or there is none; *bad is the entry (borrowed). */
enum err origin_list_check(const char *list, struct slice *bad) MUST_CHECK;

/*
 * list: one that origin_list_check() takes. origin, host: the values of the headers. Hosts and
 * schemes are compared without regard to ASCII case, and byte by byte otherwise: nothing is
 * resolved, decoded or completed. What is not of the form scheme://host[:port] is in no list.
 */
bool origin_is_allowed(const char *list, struct slice origin, struct slice host);

#endif
