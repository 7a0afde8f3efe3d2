/*
 * Addresses: as the path of a connect, as a key, and part by part. What is accepted has no byte
 * that is forbidden, and is the same when it is written out and read again.
 */
#include "shared/address.h"

#include "shared/json.h"
#include "tests/fuzz/fuzz.h"

static void check_part(const char *part)
{
    size_t len = strlen(part);

    assert(len >= 1 && len <= ADDRESS_PART_BYTES_MAX);
    assert(json_utf8_valid(part, len));
    assert(strcspn(part, " /:{}*\x7f") == len);
    for (size_t i = 0; i < len; i++) {
        unsigned char next = (unsigned char)part[i + 1];
        assert((unsigned char)part[i] >= 0x20);
        assert((unsigned char)part[i] != 0xc2 || next >= 0xa0); /* C1 */
    }
    assert(address_check_part(slice_of(part), "part", NULL) == ERR_OK);
}

static void check_address(const struct address *a)
{
    char key[ADDRESS_KEY_BYTES];
    struct address again;

    check_part(a->server_client);
    check_part(a->page);
    check_part(a->user_id);
    assert(address_parse_key(slice_of(address_format_key(a, key)), "key", &again, NULL) == ERR_OK);
    assert(strcmp(again.server_client, a->server_client) == 0);
    assert(strcmp(again.page, a->page) == 0 && strcmp(again.user_id, a->user_id) == 0);
    assert(address_matches(a, &again) && address_matches(a, &(struct address){"", "", ""}));
}

void fuzz(struct slice input)
{
    char part[ADDRESS_PART_BYTES_MAX + 1];
    char key[ADDRESS_KEY_BYTES];
    struct address a;
    struct problem p;

    if (address_parse_path(input, &a, &p) == ERR_OK) {
        check_address(&a);
    }
    if (address_parse_key(input, "key", &a, &p) == ERR_OK) {
        check_address(&a);
        assert(slice_equal(input, address_format_key(&a, key)));
    }
    if (address_copy_part(input, "part", part, &p) == ERR_OK) {
        check_part(part);
        assert(slice_equal(input, part));
    }
    if (address_check_message_id(input, "messageId", &p) == ERR_OK) {
        assert(input.len >= 1 && input.len <= CLIENT_MESSAGE_ID_BYTES_MAX);
        assert(json_utf8_valid(input.at, input.len));
    }
}
