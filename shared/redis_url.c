/*
 * Parses redis.url.
 */
#include "shared/redis_url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/parse.h"

#define REDIS_PORT 6379
#define SENTINEL_PORT 26379
#define REDIS_DB_MAX 9999

static enum err bad(struct problem *p, const char *what)
{
    return problem_set(p, ERR_BAD_VALUE, "redis.url", "redis.url: %s", what);
}

static enum err copy_decoded(
    struct slice text, char *out, size_t out_bytes, const char *what, struct problem *p)
{
    if (parse_percent(text, out, out_bytes)) {
        return problem_set(p, ERR_BAD_VALUE, "redis.url",
            "redis.url: the %s is too long or has a malformed percent escape", what);
    }
    return ERR_OK;
}

static enum err parse_db(struct slice text, struct redis_url *u, struct problem *p)
{
    uint64_t db;

    if (parse_u64(text, REDIS_DB_MAX, &db)) {
        return bad(p, "the db is not a number from 0 to 9999");
    }
    u->db = (int)db;
    return ERR_OK;
}

/* Takes what stands before the first `at` off the start of text; false if there is none. */
static bool take_until(struct slice *text, char at, struct slice *out)
{
    const char *found = memchr(text->at, at, text->len);

    if (!found) {
        return false;
    }
    *out = (struct slice){text->at, (size_t)(found - text->at)};
    *text = (struct slice){found + 1, text->len - out->len - 1};
    return true;
}

/* user:password, or :password. */
static enum err parse_login(struct slice text, struct redis_login *login, struct problem *p)
{
    struct slice user;

    if (!take_until(&text, ':', &user)) {
        return bad(p, "what stands before the @ is not user:password");
    }
    enum err err = copy_decoded(user, login->user, sizeof(login->user), "user", p);
    if (err) {
        return err;
    }
    if (text.len == 0) {
        return bad(p, "the password is empty");
    }
    return copy_decoded(text, login->password, sizeof(login->password), "password", p);
}

static bool is_numeric_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* ip, ip:port, [ipv6] or [ipv6]:port */
static enum err parse_server(
    struct slice server, int default_port, struct redis_place *place, struct problem *p)
{
    static const char what[] = "the server is not ip[:port]; host names are not resolved";
    char text[sizeof(place->host) + sizeof("[]:65535")];
    const char *port_mark;

    if (server.len + sizeof(":65535") > sizeof(text)) {
        return bad(p, what);
    }
    memcpy(text, server.at, server.len);
    text[server.len] = '\0';
    port_mark = strrchr(text, ':');
    if (!port_mark || (text[0] == '[' && port_mark[-1] != ']')) {
        snprintf(text + server.len, sizeof(text) - server.len, ":%d", default_port);
    }
    if (parse_host_port(text, place->host, sizeof(place->host), &place->port) || place->port == 0 ||
        !is_numeric_address(place->host)) {
        return bad(p, what);
    }
    return ERR_OK;
}

/* One or more, separated by commas. */
static enum err parse_servers(
    struct slice servers, int default_port, struct redis_url *u, struct problem *p)
{
    bool more = true;

    while (more) {
        struct slice server = servers;

        more = take_until(&servers, ',', &server);
        if (u->seed_count == REDIS_SEEDS_MAX) {
            return bad(p, "more than 16 servers");
        }
        enum err err = parse_server(server, default_port, &u->seeds[u->seed_count], p);
        if (err) {
            return err;
        }
        u->seed_count++;
    }
    return ERR_OK;
}

/* What may follow the ?, and where it goes. */
struct parameter {
    const char *name; /* NULL: the end of the list */
    char *out;        /* NULL: the db */
    size_t out_bytes;
};

static enum err parse_parameter(
    struct slice text, const struct parameter *known, struct redis_url *u, struct problem *p)
{
    struct slice name;

    if (!take_until(&text, '=', &name)) {
        return bad(p, "what follows the ? is not name=value&…");
    }
    for (; known->name; known++) {
        if (slice_equal(name, known->name)) {
            return known->out ? copy_decoded(text, known->out, known->out_bytes, known->name, p)
                              : parse_db(text, u, p);
        }
    }
    return bad(p, "unknown parameter after the ?; a unix socket takes db, user and password, "
                  "sentinels take sentinel_user and sentinel_password");
}

static bool is_user_only(const struct redis_login *login)
{
    return login->user[0] && !login->password[0];
}

static enum err parse_parameters(
    struct slice rest, const struct parameter *known, struct redis_url *u, struct problem *p)
{
    bool more = true;

    while (more) {
        struct slice parameter = rest;

        more = take_until(&rest, '&', &parameter);
        enum err err = parse_parameter(parameter, known, u, p);
        if (err) {
            return err;
        }
    }
    if (is_user_only(&u->login) || is_user_only(&u->sentinel_login)) {
        return bad(p, "a user without a password");
    }
    return ERR_OK;
}

/* Takes user:password@ off the start, if it is there. */
static enum err take_login(struct slice *rest, struct redis_url *u, struct problem *p)
{
    struct slice login;

    return take_until(rest, '@', &login) ? parse_login(login, &u->login, p) : ERR_OK;
}

static enum err parse_direct(struct slice rest, struct redis_url *u, struct problem *p)
{
    struct slice server = rest;

    enum err err = take_login(&rest, u, p);
    if (err) {
        return err;
    }
    u->seed_count = 1;
    if (!take_until(&rest, '/', &server)) {
        return parse_server(rest, REDIS_PORT, &u->seeds[0], p);
    }
    err = parse_server(server, REDIS_PORT, &u->seeds[0], p);
    return err || rest.len == 0 ? err : parse_db(rest, u, p);
}

static enum err parse_unix(struct slice rest, struct redis_url *u, struct problem *p)
{
    const struct parameter known[] = {{"db", NULL, 0},
        {"user", u->login.user, sizeof(u->login.user)},
        {"password", u->login.password, sizeof(u->login.password)}, {NULL, NULL, 0}};
    struct redis_place *place = &u->seeds[0];
    struct slice path = rest;
    bool has_parameters = take_until(&rest, '?', &path);

    u->seed_count = 1;
    enum err err = copy_decoded(path, place->path, sizeof(place->path), "path", p);
    if (err) {
        return err;
    }
    if (place->path[0] != '/') {
        return bad(p, "the path of a unix socket starts with /: unix:///run/redis.sock");
    }
    return has_parameters ? parse_parameters(rest, known, u, p) : ERR_OK;
}

/* master, or master/db */
static enum err parse_master(struct slice rest, struct redis_url *u, struct problem *p)
{
    struct slice name = rest;
    bool has_db = take_until(&rest, '/', &name);

    enum err err = copy_decoded(name, u->master, sizeof(u->master), "master's name", p);
    if (err) {
        return err;
    }
    if (!u->master[0]) {
        return bad(p, "the master's name is missing: sentinel://ip:port,ip:port/name");
    }
    return has_db && rest.len > 0 ? parse_db(rest, u, p) : ERR_OK;
}

static enum err parse_sentinel(struct slice rest, struct redis_url *u, struct problem *p)
{
    struct redis_login *login = &u->sentinel_login;
    const struct parameter known[] = {{"sentinel_user", login->user, sizeof(login->user)},
        {"sentinel_password", login->password, sizeof(login->password)}, {NULL, NULL, 0}};
    struct slice before = rest;
    struct slice servers;
    bool has_parameters = take_until(&rest, '?', &before);

    u->mode = REDIS_SENTINEL;
    enum err err = take_login(&before, u, p);
    if (err) {
        return err;
    }
    if (!take_until(&before, '/', &servers)) {
        return bad(p, "the master's name is missing: sentinel://ip:port,ip:port/name");
    }
    err = parse_servers(servers, SENTINEL_PORT, u, p);
    if (!err) {
        err = parse_master(before, u, p);
    }
    return err || !has_parameters ? err : parse_parameters(rest, known, u, p);
}

static enum err parse_cluster(struct slice rest, struct redis_url *u, struct problem *p)
{
    u->mode = REDIS_CLUSTER;
    enum err err = take_login(&rest, u, p);
    if (err) {
        return err;
    }
    if (memchr(rest.at, '/', rest.len)) {
        return bad(p, "a cluster has one db only: cluster://ip:port,ip:port");
    }
    return parse_servers(rest, REDIS_PORT, u, p);
}

enum err redis_url_parse(const char *text, struct redis_url *out, struct problem *p)
{
    static const struct {
        const char *start;
        enum err (*parse)(struct slice rest, struct redis_url *u, struct problem *p);
    } schemes[] = {{"redis://", parse_direct}, {"unix://", parse_unix},
        {"sentinel://", parse_sentinel}, {"cluster://", parse_cluster}};
    struct redis_url url = {.mode = REDIS_DIRECT};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].start);

        if (strncmp(text, schemes[i].start, len) == 0) {
            enum err err = schemes[i].parse(slice_of(text + len), &url, p);
            if (!err) {
                *out = url;
            }
            return err;
        }
    }
    return bad(p, "it starts with none of redis:// unix:// sentinel:// cluster://");
}

const char *redis_place_describe(const struct redis_place *place, char out[REDIS_PLACE_BYTES])
{
    if (place->path[0]) {
        snprintf(out, REDIS_PLACE_BYTES, "%s", place->path);
    } else {
        snprintf(out, REDIS_PLACE_BYTES, strchr(place->host, ':') ? "[%s]:%u" : "%s:%u",
            place->host, place->port);
    }
    return out;
}

bool redis_place_equal(const struct redis_place *a, const struct redis_place *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0 && strcmp(a->path, b->path) == 0;
}

enum err redis_place_set(struct redis_place *place, const char *host, size_t host_len, int64_t port)
{
    struct redis_place found = {.port = (uint16_t)port};

    if (host_len >= sizeof(found.host) || port < 1 || port > UINT16_MAX) {
        return ERR_BAD_VALUE;
    }
    memcpy(found.host, host, host_len);
    if (!is_numeric_address(found.host)) {
        return ERR_BAD_VALUE;
    }
    *place = found;
    return ERR_OK;
}

void redis_url_describe(const struct redis_url *u, char *out, size_t out_bytes)
{
    static const char *const schemes[] = {[REDIS_DIRECT] = "redis://",
        [REDIS_SENTINEL] = "sentinel://",
        [REDIS_CLUSTER] = "cluster://"};
    char place[REDIS_PLACE_BYTES];
    struct buf text;

    buf_init(&text, out_bytes > 0 ? out_bytes - 1 : 0);
    if (u->seeds[0].path[0]) {
        buf_addf(&text, "unix://%s?db=%d", u->seeds[0].path, u->db);
    } else {
        buf_add_str(&text, schemes[u->mode]);
        for (size_t i = 0; i < u->seed_count; i++) {
            buf_addf(&text, "%s%s", i ? "," : "", redis_place_describe(&u->seeds[i], place));
        }
        if (u->mode == REDIS_SENTINEL) {
            buf_addf(&text, "/%s", u->master);
        }
        if (u->mode != REDIS_CLUSTER) {
            buf_addf(&text, "/%d", u->db);
        }
    }
    snprintf(out, out_bytes, "%s", buf_str(&text));
    buf_finish(&text);
}
