/*
 * Opens a listening socket, with TCP or in the file system.
 */
#include "fcgi-send/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/parse.h"
#include "shared/privileges.h"

#define BACKLOG 1024
static const char unix_scheme[] = "unix:";

struct endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } address;
    socklen_t len;
};

static enum err parse_local(const char *path, struct endpoint *out, struct problem *p)
{
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(out->address.local.sun_path)) {
        return problem_set(p, ERR_BAD_VALUE, "send.listen",
            "send.listen: the path must have 1 to %zu bytes",
            sizeof(out->address.local.sun_path) - 1);
    }
    out->address.local = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->address.local.sun_path, path, len + 1);
    out->len = sizeof(out->address.local);
    return ERR_OK;
}

static enum err parse_inet(const char *text, struct endpoint *out, struct problem *p)
{
    char host[INET6_ADDRSTRLEN];
    uint16_t port;

    if (parse_host_port(text, host, sizeof(host), &port)) {
        return problem_set(p, ERR_BAD_VALUE, "send.listen",
            "send.listen: \"%s\" is neither ip:port nor unix:/path", text);
    }
    if (strchr(host, ':')) {
        out->address.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        inet_pton(AF_INET6, host, &out->address.v6.sin6_addr);
        out->len = sizeof(out->address.v6);
    } else {
        out->address.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        inet_pton(AF_INET, host, &out->address.v4.sin_addr);
        out->len = sizeof(out->address.v4);
    }
    return ERR_OK;
}

static bool somebody_listens(const struct endpoint *e)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool connected = fd >= 0 && (connect(fd, &e->address.any, e->len) == 0 || errno == EAGAIN);

    if (fd >= 0) {
        close(fd);
    }
    return connected;
}

/* Removes what an earlier process has left. */
static enum err clear_path(const struct endpoint *e, struct problem *p)
{
    const char *path = e->address.local.sun_path;
    struct stat found;

    if (lstat(path, &found)) {
        return ERR_OK; /* nothing there; if it is something else, bind() will tell */
    }
    if (!S_ISSOCK(found.st_mode)) {
        return problem_set(
            p, ERR_BAD_VALUE, "send.listen", "send.listen: %s is there and is no socket", path);
    }
    if (somebody_listens(e)) {
        return problem_set(
            p, ERR_BAD_VALUE, "send.listen", "send.listen: somebody listens on %s already", path);
    }
    unlink(path);
    return ERR_OK;
}

/* A socket's mode is set by bind(). It listens once it has its owner, so that nobody else comes in
 * before. */
static int bind_and_listen(
    int fd, const struct endpoint *e, mode_t mode, const struct identity *owner)
{
    mode_t mask = umask(0777 & ~mode);
    int failed = bind(fd, &e->address.any, e->len);
    int error = errno;

    umask(mask);
    errno = error;
    return failed || (owner && lchown(e->address.local.sun_path, owner->uid, owner->gid)) ||
           listen(fd, BACKLOG);
}

enum err listener_open(
    const char *listen, const struct listener_access *access, int *fd, struct problem *p)
{
    bool is_local = strncmp(listen, unix_scheme, strlen(unix_scheme)) == 0;
    bool has_owner = is_local && access->owner[0];
    struct endpoint endpoint = {.len = 0};
    struct identity owner = {.uid = 0};
    int on = 1;
    enum err err = is_local ? parse_local(listen + strlen(unix_scheme), &endpoint, p)
                            : parse_inet(listen, &endpoint, p);

    if (err || (is_local && (err = clear_path(&endpoint, p)))) {
        return err;
    }
    if (has_owner && (err = identity_find(access->owner, "send.listen_owner", &owner, p))) {
        return err;
    }
    int made = socket(endpoint.address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0 || setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        bind_and_listen(made, &endpoint, access->mode, has_owner ? &owner : NULL)) {
        problem_set(
            p, ERR_BAD_VALUE, "send.listen", "send.listen: %s: %s", listen, strerror(errno));
        if (made >= 0) {
            close(made);
        }
        return ERR_BAD_VALUE;
    }
    *fd = made;
    return ERR_OK;
}
