/*
 * Origins are taken apart by a grammar narrower than a URL's: no path, no user, no escapes. So a
 * look-alike is either another host or no origin at all.
 */
#include "shared/origin.h"

#include <string.h>
#include <strings.h>

#include "shared/parse.h"

#define SCHEME_END "://"
#define WILDCARD "*."

/* All borrowed. */
struct authority {
    struct slice host; /* with the brackets of an IPv6 address */
    uint64_t port;     /* 0: none is written */
};

struct origin {
    struct slice scheme;
    struct authority at;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_host_char(char c)
{
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
}

static bool is_ipv6_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

static bool is_scheme_char(char c)
{
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
}

static bool equal_no_case(struct slice a, struct slice b)
{
    return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

static struct slice slice_from(struct slice s, size_t at)
{
    return (struct slice){s.at + at, s.len - at};
}

/* How many characters from `at` on are of a kind. */
static size_t count_while(struct slice s, size_t at, bool (*is_one)(char c))
{
    size_t count = 0;

    while (at + count < s.len && is_one(s.at[at + count])) {
        count++;
    }
    return count;
}

/* 0: there is no host at the start. */
static size_t host_bytes(struct slice s)
{
    if (s.len == 0 || s.at[0] != '[') {
        return count_while(s, 0, is_host_char);
    }
    size_t len = count_while(s, 1, is_ipv6_char);

    return len > 0 && len + 1 < s.len && s.at[len + 1] == ']' ? len + 2 : 0;
}

/* host[:port] (RFC 3986 3.2.2, without escapes). */
static bool parse_authority(struct slice s, struct authority *out)
{
    size_t len = host_bytes(s);

    if (len == 0) {
        return false;
    }
    *out = (struct authority){.host = {s.at, len}};
    if (len == s.len) {
        return true;
    }
    return s.at[len] == ':' && !parse_u64(slice_from(s, len + 1), UINT16_MAX, &out->port) &&
           out->port > 0;
}

static bool parse_origin(struct slice s, struct origin *out)
{
    size_t len = count_while(s, 0, is_scheme_char);
    size_t authority = len + strlen(SCHEME_END);

    if (len == 0 || !is_alpha(s.at[0]) || s.len <= authority ||
        memcmp(s.at + len, SCHEME_END, strlen(SCHEME_END)) != 0) {
        return false;
    }
    out->scheme = (struct slice){s.at, len};
    return parse_authority(slice_from(s, authority), &out->at);
}

static uint64_t port_of(struct slice scheme, const struct authority *at)
{
    if (at->port != 0) {
        return at->port;
    }
    if (equal_no_case(scheme, slice_of("http"))) {
        return 80;
    }
    return equal_no_case(scheme, slice_of("https")) ? 443 : 0;
}

static bool ports_are_equal(
    struct slice scheme, const struct authority *a, const struct authority *b)
{
    return port_of(scheme, a) == port_of(scheme, b);
}

static bool is_of_host(const struct origin *o, struct slice host)
{
    struct authority here;
    bool is_web =
        equal_no_case(o->scheme, slice_of("http")) || equal_no_case(o->scheme, slice_of("https"));

    return is_web && parse_authority(host, &here) && equal_no_case(o->at.host, here.host) &&
           ports_are_equal(o->scheme, &o->at, &here);
}

static bool ends_below(struct slice host, struct slice domain)
{
    if (host.len < domain.len + 2) {
        return false; /* at least one character and a dot come before it */
    }
    size_t at = host.len - domain.len;

    return host.at[at - 1] == '.' && equal_no_case(slice_from(host, at), domain);
}

/* An entry with a host: *is_wildcard, and *out without the wildcard. */
static bool parse_entry(struct slice entry, struct origin *out, bool *is_wildcard)
{
    size_t scheme = count_while(entry, 0, is_scheme_char);
    size_t host = scheme + strlen(SCHEME_END);

    *is_wildcard = entry.len > host && entry.len - host >= strlen(WILDCARD) &&
                   memcmp(entry.at + host, WILDCARD, strlen(WILDCARD)) == 0;
    if (!*is_wildcard) {
        return parse_origin(entry, out);
    }
    if (scheme == 0 || memcmp(entry.at + scheme, SCHEME_END, strlen(SCHEME_END)) != 0) {
        return false;
    }
    out->scheme = (struct slice){entry.at, scheme};
    return parse_authority(slice_from(entry, host + strlen(WILDCARD)), &out->at) &&
           out->at.host.at[0] != '[';
}

static bool entry_takes(struct slice entry, const struct origin *o, struct slice host)
{
    struct origin e;
    bool is_wildcard;

    if (slice_equal(entry, "*")) {
        return true;
    }
    if (slice_equal(entry, "same-host")) {
        return is_of_host(o, host);
    }
    if (!parse_entry(entry, &e, &is_wildcard) || !equal_no_case(e.scheme, o->scheme) ||
        !ports_are_equal(e.scheme, &e.at, &o->at)) {
        return false;
    }
    return is_wildcard ? ends_below(o->at.host, e.at.host) : equal_no_case(e.at.host, o->at.host);
}

/* The next entry of *list, which moves past it; len 0: there is none. */
static struct slice next_entry(const char **list)
{
    *list += strspn(*list, " \t");
    struct slice entry = {*list, strcspn(*list, " \t")};
    *list += entry.len;
    return entry;
}

enum err origin_list_check(const char *list, struct slice *bad)
{
    struct slice entry = next_entry(&list);
    struct origin ignored;
    bool is_wildcard;

    do {
        bool is_word = slice_equal(entry, "*") || slice_equal(entry, "null") ||
                       slice_equal(entry, "same-host");
        if (!is_word && !parse_entry(entry, &ignored, &is_wildcard)) {
            *bad = entry;
            return ERR_BAD_VALUE;
        }
        entry = next_entry(&list);
    } while (entry.len > 0);
    return ERR_OK;
}

bool origin_is_allowed(const char *list, struct slice origin, struct slice host)
{
    struct origin o;
    bool is_null = slice_equal(origin, "null");

    if (!is_null && !parse_origin(origin, &o)) {
        return false;
    }
    for (struct slice e = next_entry(&list); e.len > 0; e = next_entry(&list)) {
        if (is_null ? slice_equal(e, "null") : entry_takes(e, &o, host)) {
            return true;
        }
    }
    return false;
}
