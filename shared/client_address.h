/*
 * Who a connection comes from, where proxies stand in between: X-Forwarded-For is believed as far
 * as proxies wrote it that are trusted. No I/O.
 */
#ifndef SHARED_CLIENT_ADDRESS_H
#define SHARED_CLIENT_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "shared/buf.h"

/* IPv4 as IPv6 maps it (RFC 4291 2.5.5.2), so that it is one address on any listener. */
struct ip_address {
    unsigned char bytes[16];
};

/* ERR_BAD_VALUE: the peer has none (a Unix socket). */
enum err ip_address_of(const struct sockaddr *peer, struct ip_address *out) MUST_CHECK;
/* "10.0.0.5", "2001:db8::1", and as proxies write them: "10.0.0.5:4711", "[2001:db8::1]",
 * "[2001:db8::1]:4711". ERR_BAD_VALUE. */
enum err ip_address_parse(struct slice text, struct ip_address *out) MUST_CHECK;

/*
 * What one subscriber has: an IPv4 address, or an IPv6 /64, of which one machine may use all. The
 * number is the IPv4 address below 2^32 or the upper half of the IPv6 one, which is never below it
 * (0000::/8 is reserved: RFC 4291 2.4), but for ::1 and its like, which are all 0. Limits count by
 * it, and that is what is shown to people.
 */
typedef uint64_t client_number;
client_number client_number_of(const struct ip_address *a);
#define CLIENT_TEXT_BYTES 50 /* "ffff:ffff:ffff:ffff::/64" and the NUL, and what inet_ntop asks */
const char *client_text(client_number c, char out[static CLIENT_TEXT_BYTES]); /* returns out */

struct trusted_network;
struct trusted_proxies {
    struct trusted_network *networks; /* owned */
    size_t count;
};

/* "10.0.0.0/8 2001:db8::/32 192.0.2.7", separated by spaces; "" trusts nobody. ERR_BAD_VALUE (p
 * says which one; a network with bits behind its prefix is one) or ERR_NO_MEMORY. */
enum err trusted_proxies_parse(
    const char *text, struct trusted_proxies *out, struct problem *p) MUST_CHECK;
void trusted_proxies_finish(struct trusted_proxies *t);
bool trusted_proxies_has(const struct trusted_proxies *t, const struct ip_address *a);

/*
 * The address that the connection really comes from. lists: the values of all X-Forwarded-For
 * headers in their order. From the right, each entry was written by the hop after it; the first
 * one that is not trusted is the client. An entry that is no address ends the walk: then it is the
 * hop that passed it on, in the end the peer itself. If all are trusted, it is the leftmost one.
 */
struct ip_address client_address_find(const struct trusted_proxies *t,
    const struct ip_address *peer, const struct slice *lists, size_t list_count);

#endif
