/*
 * Goes through records byte by byte, except for contents that nothing depends on.
 */
#include "fcgi-send/records.h"

#define VERSION 1
#define PARAMS 4

/* A length has one byte, or four with the first bit set (3.4). */
static size_t length_bytes(unsigned char first)
{
    return first & 0x80 ? 4 : 1;
}

static uint64_t read_length(const unsigned char *at)
{
    if (length_bytes(*at) == 1) {
        return *at;
    }
    return (uint64_t)(at[0] & 0x7f) << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3];
}

static bool add_length_byte(struct records *r, unsigned char byte)
{
    r->lengths[r->lengths_bytes++] = byte;
    size_t name_bytes = length_bytes(r->lengths[0]);
    if (r->lengths_bytes <= name_bytes) {
        return true;
    }
    const unsigned char *value_at = r->lengths + name_bytes;
    if (r->lengths_bytes < name_bytes + length_bytes(*value_at)) {
        return true;
    }
    uint64_t name = read_length(r->lengths);
    uint64_t value = read_length(value_at);
    r->lengths_bytes = 0;
    r->parameter_left = name + value;
    return name <= RECORDS_PARAMETER_BYTES_MAX && value <= RECORDS_PARAMETER_BYTES_MAX;
}

/* Parameters go on from one record to the next. */
static bool check_parameters(struct records *r, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (r->parameter_left > 0) {
            r->parameter_left--;
        } else if (!add_length_byte(r, (unsigned char)bytes.at[i])) {
            return false;
        }
    }
    return true;
}

static bool add_header_byte(struct records *r, unsigned char byte)
{
    r->header[r->header_bytes++] = byte;
    if (r->header_bytes < sizeof(r->header)) {
        return true;
    }
    r->content_left = (size_t)r->header[4] << 8 | r->header[5];
    r->padding_left = r->header[6];
    bool is_management = r->header[2] == 0 && r->header[3] == 0;
    return r->header[0] == VERSION && !is_management;
}

/* Takes up to *left bytes off the start of bytes. */
static struct slice take(struct slice *bytes, size_t *left)
{
    struct slice taken = {bytes->at, bytes->len < *left ? bytes->len : *left};

    *left -= taken.len;
    *bytes = (struct slice){bytes->at + taken.len, bytes->len - taken.len};
    return taken;
}

bool records_check(struct records *r, struct slice bytes)
{
    while (bytes.len > 0) {
        if (r->header_bytes < sizeof(r->header)) {
            if (!add_header_byte(r, (unsigned char)*bytes.at)) {
                return false;
            }
            bytes = (struct slice){bytes.at + 1, bytes.len - 1};
        }
        if (r->header_bytes < sizeof(r->header)) {
            continue;
        }
        struct slice content = take(&bytes, &r->content_left);
        if (r->header[1] == PARAMS && !check_parameters(r, content)) {
            return false;
        }
        if (r->content_left == 0) {
            take(&bytes, &r->padding_left);
        }
        if (r->content_left == 0 && r->padding_left == 0) {
            r->header_bytes = 0;
        }
    }
    return true;
}
