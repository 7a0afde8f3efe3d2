/*
 * Who a handshake says it comes from: a line of Origin, a line of Host, and lines of
 * X-Forwarded-For.
 */
#include "shared/client_address.h"
#include "shared/http_text.h"
#include "shared/origin.h"
#include "tests/fuzz/fuzz.h"

#define LISTS_MAX 4
#define LISTED "https://app.example.com https://*.example.org:8443 same-host"

static void check_origin(struct slice origin, struct slice host)
{
    struct slice bad;
    char *copy = fuzz_string(origin);

    bool is_null = slice_equal(origin, "null");
    bool is_any = origin_is_allowed("*", origin, host);
    assert(origin_is_allowed("null", origin, host) == is_null);
    assert(!is_any || !is_null);
    assert(!origin_is_allowed(LISTED, origin, host) || is_any);
    (void)!origin_list_check(copy, &bad);
    free(copy);
}

static bool is_one_of(struct ip_address found, const struct slice *lists, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slice rest = lists[i];

        while (rest.len > 0) {
            struct ip_address a;

            if (ip_address_parse(http_text_trim(http_text_until(&rest, ",")), &a) == ERR_OK &&
                memcmp(&a, &found, sizeof(a)) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void check_client(struct slice rest)
{
    const struct ip_address peer = {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}};
    struct slice lists[LISTS_MAX];
    char text[CLIENT_TEXT_BYTES];
    struct trusted_proxies t;
    size_t count = 0;

    while (rest.len > 0 && count < LISTS_MAX) {
        lists[count++] = http_text_until(&rest, "\n");
    }
    assert(trusted_proxies_parse("10.0.0.0/8 2001:db8::/32", &t, NULL) == ERR_OK);
    struct ip_address found = client_address_find(&t, &peer, lists, count);
    assert(memcmp(&found, &peer, sizeof(peer)) == 0 || is_one_of(found, lists, count));
    assert(strlen(client_text(client_number_of(&found), text)) < sizeof(text));
    trusted_proxies_finish(&t);
}

void fuzz(struct slice input)
{
    struct slice origin = http_text_until(&input, "\n");
    struct slice host = http_text_until(&input, "\n");

    check_origin(origin, host);
    check_client(input);
}
