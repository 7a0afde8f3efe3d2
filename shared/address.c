/*
 * The rules for serverClient, page and userId, and the three ways in which they are written: alone,
 * as a key, in a path.
 */
#include "shared/address.h"

#include <stdio.h>
#include <string.h>

#include "shared/json.h"
#include "shared/parse.h"

/* In the order of the URL and of the key. */
enum { SERVER_CLIENT, PAGE, USER_ID, PART_COUNT };
static const char *const part_names[PART_COUNT] = {"serverClient", "page", "userId"};

/* C0 and DEL, and C1, which is U+0080 to U+009F: C2 80 to C2 9F in UTF-8. */
static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        unsigned char next = i + 1 < text.len ? (unsigned char)text.at[i + 1] : 0;

        if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next >= 0x80 && next <= 0x9f)) {
            return true;
        }
    }
    return false;
}

static bool has_any_of(struct slice text, const char *forbidden)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(forbidden, text.at[i])) {
            return true;
        }
    }
    return false;
}

static enum err check(
    struct slice text, const char *forbidden, const char *field, struct problem *p)
{
    if (text.len == 0) {
        return problem_set(p, ERR_BAD_ADDRESS, field, "%s is empty", field);
    }
    if (text.len > ADDRESS_PART_BYTES_MAX) {
        return problem_set(p, ERR_BAD_ADDRESS, field, "%s has %zu bytes; at most %d are allowed",
            field, text.len, ADDRESS_PART_BYTES_MAX);
    }
    if (!json_utf8_valid(text.at, text.len)) {
        return problem_set(p, ERR_BAD_ADDRESS, field, "%s is not valid UTF-8", field);
    }
    if (has_control(text)) {
        return problem_set(p, ERR_BAD_ADDRESS, field, "%s has a control character", field);
    }
    if (has_any_of(text, forbidden)) {
        return problem_set(p, ERR_BAD_ADDRESS, field,
            "%s has one of the forbidden characters: space %s", field, forbidden + 1);
    }
    return ERR_OK;
}

enum err address_check_part(struct slice part, const char *field, struct problem *p)
{
    return check(part, " /:{}*", field, p);
}

enum err address_check_message_id(struct slice text, const char *field, struct problem *p)
{
    return check(text, " {}*", field, p);
}

enum err address_check_topic(struct slice text, const char *field, struct problem *p)
{
    return check(text, " :{}*", field, p);
}

enum err address_copy_part(struct slice part, const char *field, char *out, struct problem *p)
{
    enum err err = address_check_part(part, field, p);

    if (err) {
        return err;
    }
    memcpy(out, part.at, part.len);
    out[part.len] = '\0';
    return ERR_OK;
}

/* Splits text at each `at` into exactly `count` parts; false if there are fewer or more. */
static bool split(struct slice text, char at, struct slice *parts, size_t count)
{
    struct slice rest = text;

    for (size_t i = 0; i + 1 < count; i++) {
        const char *found = memchr(rest.at, at, rest.len);

        if (!found) {
            return false;
        }
        parts[i] = (struct slice){rest.at, (size_t)(found - rest.at)};
        rest = (struct slice){found + 1, rest.len - parts[i].len - 1};
    }
    parts[count - 1] = rest;
    return !memchr(rest.at, at, rest.len);
}

static char *place_of(struct address *a, int part)
{
    char *const places[PART_COUNT] = {a->server_client, a->page, a->user_id};

    return places[part];
}

enum err address_parse_key(
    struct slice key, const char *field, struct address *out, struct problem *p)
{
    struct slice parts[PART_COUNT];
    struct address address;

    if (!split(key, ':', parts, PART_COUNT)) {
        return problem_set(
            p, ERR_BAD_ADDRESS, field, "%s is not of the form serverClient:page:userId", field);
    }
    for (int i = 0; i < PART_COUNT; i++) {
        enum err err = address_copy_part(parts[i], field, place_of(&address, i), p);

        if (err) {
            return err;
        }
    }
    *out = address;
    return ERR_OK;
}

static bool part_matches(const char *part, const char *wanted)
{
    return wanted[0] == '\0' || strcmp(part, wanted) == 0;
}

bool address_matches(const struct address *a, const struct address *wanted)
{
    return part_matches(a->server_client, wanted->server_client) &&
           part_matches(a->page, wanted->page) && part_matches(a->user_id, wanted->user_id);
}

const char *address_format_key(const struct address *a, char out[ADDRESS_KEY_BYTES])
{
    snprintf(out, ADDRESS_KEY_BYTES, "%s:%s:%s", a->server_client, a->page, a->user_id);
    return out;
}

static enum err decode_segment(
    struct slice segment, const char *field, char *out, struct problem *p)
{
    char part[ADDRESS_PART_BYTES_MAX + 1];
    enum err err = parse_percent(segment, part, sizeof(part));

    if (err == ERR_URI_TOO_LONG) {
        return problem_set(
            p, err, field, "%s is longer than %d bytes", field, ADDRESS_PART_BYTES_MAX);
    }
    if (err) {
        return problem_set(p, err, field, "%s has a malformed percent escape", field);
    }
    return address_copy_part(slice_of(part), field, out, p);
}

/* If path starts with `start`, the rest of it. */
static bool strip_start(struct slice path, const char *start, struct slice *rest)
{
    size_t len = strlen(start);

    if (path.len < len || memcmp(path.at, start, len) != 0) {
        return false;
    }
    *rest = (struct slice){path.at + len, path.len - len};
    return true;
}

enum err address_parse_path(struct slice path, struct address *out, struct problem *p)
{
    struct slice parts[PART_COUNT] = {
        [SERVER_CLIENT] = slice_of("default"), [PAGE] = slice_of("default")};
    struct address address;
    struct slice rest;
    bool known = false;

    if (strip_start(path, "/screenWebsocket/", &rest)) {
        known = split(rest, '/', parts, PART_COUNT);
    } else if (strip_start(path, "/websocket/", &rest)) {
        known = split(rest, '/', &parts[USER_ID], 1);
    }
    if (!known) {
        return problem_set(p, ERR_UNKNOWN_PATH, "", NULL);
    }
    for (int i = 0; i < PART_COUNT; i++) {
        enum err err = decode_segment(parts[i], part_names[i], place_of(&address, i), p);

        if (err) {
            return err;
        }
    }
    *out = address;
    return ERR_OK;
}
