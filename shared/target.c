/*
 * From the members that name a target to the target.
 */
#include "shared/target.h"

#include <stdio.h>
#include <string.h>

#define FIELD(name) ((struct json_field){f->object, f->path, name})
/* Members that may not stand next to another one. */
#define OTHERS_MAX 6

/* What the steps of target_parse() read from. */
struct fields {
    struct json_object *object;
    const char *path;
};

static bool has(const struct fields *f, const char *name)
{
    return json_object_object_get_ex(f->object, name, NULL);
}

/* A string, and its place. at == NULL: there is no such member, and no path. */
static enum err get_text(const struct fields *f, const char *name, struct slice *out,
    char path[sizeof(((struct problem *)NULL)->field)], struct problem *p)
{
    *out = (struct slice){NULL, 0};
    enum err err = json_get_string(FIELD(name), out, p);
    if (!err && out->at) {
        json_path(path, sizeof(p->field), f->path, name);
    }
    return err;
}

/* Leaves out as it is if there is no such member. */
static enum err copy_part(const struct fields *f, const char *name, char *out, struct problem *p)
{
    char path[sizeof(p->field)];
    struct slice part;
    enum err err = get_text(f, name, &part, path, p);

    return err || !part.at ? err : address_copy_part(part, path, out, p);
}

static enum err parse_key(const struct fields *f, struct target *t, struct problem *p)
{
    struct address address;
    char path[sizeof(p->field)];
    struct slice key;
    enum err err = get_text(f, "key", &key, path, p);

    if (err || (err = address_parse_key(key, path, &address, p))) {
        return err;
    }
    memcpy(t->user_id, address.user_id, sizeof(t->user_id));
    memcpy(t->server_client, address.server_client, sizeof(t->server_client));
    memcpy(t->page, address.page, sizeof(t->page));
    return ERR_OK;
}

static enum err parse_place(const struct fields *f, struct target *t, struct problem *p)
{
    enum err err;

    if (has(f, "page") && !has(f, "serverClient")) {
        return json_refuse(FIELD("serverClient"), ERR_MISSING_FIELD, "is required with page", p);
    }
    err = copy_part(f, "serverClient", t->server_client, p);
    return err ? err : copy_part(f, "page", t->page, p);
}

static enum err parse_user(const struct fields *f, struct target *t, struct problem *p)
{
    char path[sizeof(p->field)];
    struct slice session_id;
    enum err err;

    if ((err = parse_place(f, t, p)) || (err = copy_part(f, "userId", t->user_id, p)) ||
        (err = get_text(f, "sessionId", &session_id, path, p)) || !session_id.at) {
        return err;
    }
    if (!id_is_session(session_id)) {
        return json_refuse(FIELD("sessionId"), ERR_BAD_VALUE, "is not a session id", p);
    }
    memcpy(t->session_id, session_id.at, session_id.len);
    return ERR_OK;
}

static enum err parse_topic(const struct fields *f, struct target *t, struct problem *p)
{
    char path[sizeof(p->field)];
    struct slice topic;
    enum err err = get_text(f, "topic", &topic, path, p);

    if (err || (err = address_check_topic(topic, path, p))) {
        return err;
    }
    memcpy(t->group, topic.at, topic.len);
    return ERR_OK;
}

static enum err parse_all(const struct fields *f, struct target *t, struct problem *p)
{
    bool all = false;
    enum err err = json_get_bool(FIELD("all"), &all, p);

    if (err) {
        return err;
    }
    if (!all) {
        return json_refuse(FIELD("all"), ERR_BAD_VALUE, "can only be true", p);
    }
    (void)group_name_format("", "", t->group);
    return ERR_OK;
}

/* Everyone of a serverClient, or on a page of it. */
static enum err parse_group(const struct fields *f, struct target *t, struct problem *p)
{
    struct target place = {0};
    enum err err = parse_place(f, &place, p);

    if (!err) {
        (void)group_name_format(place.server_client, place.page, t->group);
    }
    return err;
}

/* Each kind of target by the member that makes it one; the first that is there counts. */
static const struct kind {
    const char *name;
    enum err (*parse)(const struct fields *f, struct target *t, struct problem *p);
    const char *others[OTHERS_MAX]; /* do not go with it */
} kinds[] = {
    {"key", parse_key, {"userId", "serverClient", "page", "sessionId", "topic", "all"}},
    {"userId", parse_user, {"topic", "all"}},
    {"topic", parse_topic, {"serverClient", "page", "sessionId", "all"}},
    {"all", parse_all, {"serverClient", "page", "sessionId"}},
    {"sessionId", NULL, {NULL}},
    {"serverClient", parse_group, {NULL}},
    {"page", parse_group, {NULL}},
};

static enum err check_others(const struct fields *f, const struct kind *kind, struct problem *p)
{
    char what[64];

    for (size_t i = 0; i < OTHERS_MAX && kind->others[i]; i++) {
        if (has(f, kind->others[i])) {
            snprintf(what, sizeof(what), "stands next to %s, which says it all", kind->name);
            return json_refuse(FIELD(kind->others[i]), ERR_TWO_TARGETS, what, p);
        }
    }
    return ERR_OK;
}

enum err target_parse(
    struct json_object *object, const char *path, struct target *out, struct problem *p)
{
    const struct fields f = {object, path};
    const struct kind *kind = NULL;
    struct target target = {0};

    for (size_t i = 0; !kind && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        kind = has(&f, kinds[i].name) ? &kinds[i] : NULL;
    }
    if (!kind || !kind->parse) {
        return json_refuse((struct json_field){f.object, f.path, "userId"}, ERR_NO_TARGET,
            kind ? "is required with sessionId"
                 : "or key, topic, serverClient or all is required: the message has no target",
            p);
    }
    enum err err = check_others(&f, kind, p);
    if (!err) {
        err = kind->parse(&f, &target, p);
    }
    if (!err) {
        *out = target;
    }
    return err;
}

bool target_matches(const struct target *t, const struct address *a, const char *session_id)
{
    return (!t->server_client[0] || strcmp(t->server_client, a->server_client) == 0) &&
           (!t->page[0] || strcmp(t->page, a->page) == 0) &&
           (!t->session_id[0] || strcmp(t->session_id, session_id) == 0);
}

const char *target_reach(const struct target *t, char out[ADDRESS_PART_BYTES_MAX + 1])
{
    return t->group[0] ? group_name_server_client(t->group, out) : t->server_client;
}

int target_compare_subjects(const struct target *a, const struct target *b)
{
    int by_group = strcmp(a->group, b->group);

    return by_group ? by_group : strcmp(a->user_id, b->user_id);
}

void target_format_narrowing(const struct target *t, char *out, size_t out_bytes)
{
    if (t->page[0]) {
        snprintf(out, out_bytes, "%s:%s", t->server_client, t->page);
    } else {
        snprintf(out, out_bytes, "%s", t->server_client[0] ? t->server_client : "*");
    }
}
