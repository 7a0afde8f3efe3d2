/*
 * Addresses are 16 bytes, networks an address and a number of bits.
 */
#include "shared/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "shared/parse.h"

/* "[", an address, "]:65535". */
#define ENTRY_BYTES_MAX (INET6_ADDRSTRLEN + 9)
#define MAPPED_BITS 96
#define SPACES " \t"

static const unsigned char mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

struct trusted_network {
    struct ip_address address;
    unsigned bits;
};

static void map_ipv4(const void *ipv4, struct ip_address *out)
{
    memcpy(out->bytes, mapped, sizeof(mapped));
    memcpy(out->bytes + sizeof(mapped), ipv4, sizeof(struct in_addr));
}

static bool is_ipv4(const struct ip_address *a)
{
    return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

enum err ip_address_of(const struct sockaddr *peer, struct ip_address *out)
{
    if (peer->sa_family == AF_INET) {
        map_ipv4(&((const struct sockaddr_in *)(const void *)peer)->sin_addr, out);
        return ERR_OK;
    }
    if (peer->sa_family == AF_INET6) {
        memcpy(out->bytes, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
            sizeof(out->bytes));
        return ERR_OK;
    }
    return ERR_BAD_VALUE;
}

static enum err parse_bare(const char *text, struct ip_address *out)
{
    struct in_addr ipv4;

    if (inet_pton(AF_INET, text, &ipv4) == 1) {
        map_ipv4(&ipv4, out);
        return ERR_OK;
    }
    return inet_pton(AF_INET6, text, out->bytes) == 1 ? ERR_OK : ERR_BAD_VALUE;
}

static bool is_port(const char *text)
{
    uint64_t ignored;

    return parse_u64(slice_of(text), UINT16_MAX, &ignored) == ERR_OK;
}

/* Cuts what is around the address; NULL: this cannot be one. */
static char *strip_port(char *text)
{
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (!end || !(end[1] == '\0' || (end[1] == ':' && is_port(end + 2)))) {
            return NULL;
        }
        *end = '\0';
        return strchr(text + 1, ':') ? text + 1 : NULL;
    }
    char *colon = strchr(text, ':');
    if (!colon || strchr(colon + 1, ':')) {
        return text; /* two colons: IPv6 without brackets, which has no port */
    }
    *colon = '\0';
    return is_port(colon + 1) ? text : NULL;
}

enum err ip_address_parse(struct slice text, struct ip_address *out)
{
    char copy[ENTRY_BYTES_MAX];
    struct ip_address address;

    if (text.len >= sizeof(copy) || memchr(text.at, '\0', text.len)) {
        return ERR_BAD_VALUE;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    const char *bare = strip_port(copy);
    if (!bare || parse_bare(bare, &address)) {
        return ERR_BAD_VALUE;
    }
    *out = address;
    return ERR_OK;
}

client_number client_number_of(const struct ip_address *a)
{
    size_t from = is_ipv4(a) ? sizeof(mapped) : 0;
    size_t to = is_ipv4(a) ? sizeof(a->bytes) : sizeof(a->bytes) / 2;
    client_number number = 0;

    for (size_t i = from; i < to; i++) {
        number = number << 8 | a->bytes[i];
    }
    return number;
}

const char *client_text(client_number c, char out[static CLIENT_TEXT_BYTES])
{
    unsigned char bytes[sizeof(struct in6_addr)] = {0};
    bool is_four = c > 0 && c <= UINT32_MAX;
    size_t len = is_four ? sizeof(struct in_addr) : sizeof(c);

    for (size_t i = len; i-- > 0; c >>= 8) {
        bytes[i] = (unsigned char)c;
    }
    if (!inet_ntop(is_four ? AF_INET : AF_INET6, bytes, out, INET6_ADDRSTRLEN)) {
        out[0] = '\0';
    } else if (!is_four) {
        memcpy(out + strlen(out), "/64", sizeof("/64"));
    }
    return out;
}

static bool network_has(const struct trusted_network *n, const struct ip_address *a)
{
    size_t whole = n->bits / 8;
    unsigned rest = n->bits % 8;

    if (memcmp(n->address.bytes, a->bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || (n->address.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}

/* Are all bits behind the prefix 0? */
static bool is_network(const struct trusted_network *n)
{
    for (unsigned bit = n->bits; bit < 8 * sizeof(n->address.bytes); bit++) {
        if (n->address.bytes[bit / 8] >> (7 - bit % 8) & 1) {
            return false;
        }
    }
    return true;
}

/* Of IPv4 "a.b.c.d[/bits]", of IPv6 "a:b::[/bits]". */
static enum err parse_network(struct slice text, struct trusted_network *out)
{
    const char *slash = memchr(text.at, '/', text.len);
    size_t len = slash ? (size_t)(slash - text.at) : text.len;
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof(copy)) {
        return ERR_BAD_VALUE;
    }
    memcpy(copy, text.at, len);
    copy[len] = '\0';
    enum err err = parse_bare(copy, &out->address);
    if (err) {
        return err;
    }
    unsigned before = strchr(copy, ':') ? 0 : MAPPED_BITS;
    uint64_t most = 8 * sizeof(out->address.bytes) - before;
    uint64_t bits = most;
    if (slash && parse_u64((struct slice){slash + 1, text.len - len - 1}, most, &bits)) {
        return ERR_BAD_VALUE;
    }
    out->bits = before + (unsigned)bits;
    return is_network(out) ? ERR_OK : ERR_BAD_VALUE;
}

static size_t count_words(const char *text)
{
    size_t count = 0;

    for (text += strspn(text, SPACES); *text; text += strspn(text, SPACES)) {
        text += strcspn(text, SPACES);
        count++;
    }
    return count;
}

enum err trusted_proxies_parse(const char *text, struct trusted_proxies *out, struct problem *p)
{
    struct trusted_proxies t = {0};

    t.networks = calloc(count_words(text) + 1, sizeof(*t.networks));
    if (!t.networks) {
        return problem_set(p, ERR_NO_MEMORY, "node.trusted_proxies", NULL);
    }
    for (text += strspn(text, SPACES); *text; text += strspn(text, SPACES)) {
        struct slice word = {text, strcspn(text, SPACES)};
        enum err err = parse_network(word, &t.networks[t.count]);
        if (err) {
            free(t.networks);
            return problem_set(p, err, "node.trusted_proxies",
                "\"%.*s\" is not a network such as 10.0.0.0/8 or 2001:db8::/32", (int)word.len,
                word.at);
        }
        t.count++;
        text += word.len;
    }
    *out = t;
    return ERR_OK;
}

void trusted_proxies_finish(struct trusted_proxies *t)
{
    free(t->networks);
}

bool trusted_proxies_has(const struct trusted_proxies *t, const struct ip_address *a)
{
    for (size_t i = 0; i < t->count; i++) {
        if (network_has(&t->networks[i], a)) {
            return true;
        }
    }
    return false;
}

static struct slice next_entry(struct slice *list)
{
    const char *comma = memchr(list->at, ',', list->len);
    struct slice entry = {list->at, comma ? (size_t)(comma - list->at) : list->len};
    size_t taken = comma ? entry.len + 1 : entry.len;

    *list = (struct slice){list->at + taken, list->len - taken};
    while (entry.len > 0 && (entry.at[0] == ' ' || entry.at[0] == '\t')) {
        entry = (struct slice){entry.at + 1, entry.len - 1};
    }
    while (entry.len > 0 && (entry.at[entry.len - 1] == ' ' || entry.at[entry.len - 1] == '\t')) {
        entry.len--;
    }
    return entry;
}

/*
 * In one pass from the left: an entry that is not trusted, the first one, or the first one after
 * what is no address is the best so far, and what is no address makes it the peer again.
 */
struct ip_address client_address_find(const struct trusted_proxies *t,
    const struct ip_address *peer, const struct slice *lists, size_t list_count)
{
    struct ip_address best = *peer;
    bool has_best = false;

    if (!trusted_proxies_has(t, peer)) {
        return *peer;
    }
    for (size_t i = 0; i < list_count; i++) {
        for (struct slice rest = lists[i]; rest.len > 0;) {
            struct slice entry = next_entry(&rest);
            struct ip_address address;
            if (entry.len == 0) {
                continue; /* RFC 9110 5.6.1: empty elements do not count */
            }
            bool is_address = ip_address_parse(entry, &address) == ERR_OK;
            if (is_address && (!has_best || !trusted_proxies_has(t, &address))) {
                best = address;
            } else if (!is_address) {
                best = *peer;
            }
            has_best = is_address;
        }
    }
    return best;
}
