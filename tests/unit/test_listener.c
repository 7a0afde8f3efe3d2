/* The FastCGI socket: where it may be, what it replaces, and what it leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi-send/listener.h"

static const struct listener_access by_default = {0660, ""};
static char folder[64];
static char path[96];       /* in the folder */
static char listen_at[112]; /* "unix:" and path */

static int start(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/socketsend-test-XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/send.sock", folder);
    snprintf(listen_at, sizeof(listen_at), "unix:%s", path);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int open_at(const char *where)
{
    int fd = -1;

    assert_int_equal(listener_open(where, &by_default, &fd, NULL), ERR_OK);
    assert_true(fd >= 0);
    return fd;
}

static void assert_refused(const char *where, const char *why)
{
    struct problem p = {0};
    int fd = -1;

    assert_int_equal(listener_open(where, &by_default, &fd, &p), ERR_BAD_VALUE);
    assert_int_equal(fd, -1);
    assert_string_equal(p.field, "send.listen");
    assert_non_null(strstr(p.msg, why));
}

static int connect_to_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(address.sun_path, path, strlen(path) + 1);
    int failed = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return failed;
}

static void path_is_for_the_owner_and_the_group(void **state)
{
    struct stat found;
    int fd = open_at(listen_at);

    (void)state;
    assert_int_equal(stat(path, &found), 0);
    assert_true(S_ISSOCK(found.st_mode));
    assert_int_equal(found.st_mode & 0777, 0660);
    assert_int_equal(connect_to_path(), 0);
    close(fd);
}

static void socket_that_nobody_listens_on_is_replaced(void **state)
{
    (void)state;
    close(open_at(listen_at)); /* the file stays, as after a crash */
    int fd = open_at(listen_at);
    assert_int_equal(connect_to_path(), 0);
    close(fd);
}

static void socket_that_somebody_listens_on_stays(void **state)
{
    int fd = open_at(listen_at);

    (void)state;
    assert_refused(listen_at, "somebody listens");
    assert_int_equal(connect_to_path(), 0);
    close(fd);
}

static void file_that_is_no_socket_stays(void **state)
{
    FILE *file = fopen(path, "w");

    (void)state;
    assert_non_null(file);
    fputs("precious", file);
    fclose(file);
    assert_refused(listen_at, "is no socket");
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, strlen("precious"));
}

static void symbolic_link_is_not_followed(void **state)
{
    char elsewhere[112];

    (void)state;
    snprintf(elsewhere, sizeof(elsewhere), "unix:%s/other.sock", folder);
    close(open_at(elsewhere)); /* a socket that could be replaced */
    assert_int_equal(symlink(elsewhere + strlen("unix:"), path), 0);
    assert_refused(listen_at, "is no socket");
    assert_int_equal(unlink(elsewhere + strlen("unix:")), 0);
}

static void mode_is_the_configured_one(void **state)
{
    const struct listener_access open_to_all = {0666, ""};
    struct stat found;
    int fd = -1;

    (void)state;
    assert_int_equal(listener_open(listen_at, &open_to_all, &fd, NULL), ERR_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0666);
    close(fd);
}

static void owner_is_the_configured_one(void **state)
{
    const struct listener_access theirs = {0660, "daemon:games"};
    const struct listener_access nobodys = {0660, "no-such-user"};
    struct stat found;
    struct problem p;
    int fd = -1;

    (void)state;
    assert_int_equal(listener_open(listen_at, &nobodys, &fd, &p), ERR_BAD_VALUE);
    assert_string_equal(p.field, "send.listen_owner");
    if (geteuid() != 0) {
        skip(); /* only root may give files away */
    }
    assert_int_equal(listener_open(listen_at, &theirs, &fd, NULL), ERR_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_uid, getpwnam("daemon")->pw_uid);
    assert_int_equal(found.st_gid, getgrnam("games")->gr_gid);
    close(fd);
}

static void path_must_fit_and_its_folder_be_there(void **state)
{
    char longest[128] = "unix:";

    (void)state;
    assert_refused("unix:", "1 to 107 bytes");
    memset(longest + 5, 'x', 108);
    assert_refused(longest, "1 to 107 bytes");
    assert_refused("unix:/nonexistent/send.sock", "No such file");
}

static void address_is_an_ip_and_a_port(void **state)
{
    (void)state;
    assert_refused("", "neither ip:port nor unix:/path");
    assert_refused("localhost:9100", "neither ip:port nor unix:/path");
    assert_refused("127.0.0.1", "neither ip:port nor unix:/path");
    assert_refused("127.0.0.1:65536", "neither ip:port nor unix:/path");
    assert_refused("192.0.2.1:9100", "192.0.2.1:9100"); /* of no interface here */
}

static void port_that_is_taken_is_told(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    char where[32];

    (void)state;
    assert_int_equal(bind(other, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(getsockname(other, (struct sockaddr *)&address, &len), 0);
    snprintf(where, sizeof(where), "127.0.0.1:%u", ntohs(address.sin_port));
    assert_refused(where, "Address already in use");
    close(other);
    close(open_at(where));
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(path_is_for_the_owner_and_the_group),
        test(socket_that_nobody_listens_on_is_replaced),
        test(socket_that_somebody_listens_on_stays),
        test(file_that_is_no_socket_stays),
        test(symbolic_link_is_not_followed),
        test(mode_is_the_configured_one),
        test(owner_is_the_configured_one),
        test(path_must_fit_and_its_folder_be_there),
        test(address_is_an_ip_and_a_port),
        test(port_that_is_taken_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
