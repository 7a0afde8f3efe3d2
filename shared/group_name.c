/*
 * The names of groups, made and checked.
 */
#include "shared/group_name.h"

#include <stdio.h>
#include <string.h>

const char *group_name_format(
    const char *server_client, const char *page, char out[GROUP_NAME_BYTES])
{
    snprintf(out, GROUP_NAME_BYTES, "%s:%s", server_client, page);
    return out;
}

bool group_name_is_topic(const char *group)
{
    return !strchr(group, ':');
}

const char *group_name_server_client(const char *group, char out[ADDRESS_PART_BYTES_MAX + 1])
{
    size_t len = group_name_is_topic(group) ? 0 : strcspn(group, ":");

    snprintf(out, ADDRESS_PART_BYTES_MAX + 1, "%.*s", (int)len, group);
    return out;
}

/* "pc:home", "pc:" or ":". */
static enum err check_place(
    struct slice text, const char *colon, const char *field, struct problem *p)
{
    struct slice server_client = {text.at, (size_t)(colon - text.at)};
    struct slice page = {colon + 1, text.len - server_client.len - 1};
    enum err err = ERR_OK;

    if (server_client.len > 0 || page.len > 0) {
        err = address_check_part(server_client, field, p);
    }
    if (!err && page.len > 0) {
        err = address_check_part(page, field, p);
    }
    return err;
}

enum err group_name_copy(
    struct slice text, const char *field, char out[GROUP_NAME_BYTES], struct problem *p)
{
    const char *colon = memchr(text.at, ':', text.len);
    enum err err = colon ? check_place(text, colon, field, p) : address_check_topic(text, field, p);

    if (err) {
        return err;
    }
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return ERR_OK;
}
