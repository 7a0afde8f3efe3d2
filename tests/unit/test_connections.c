/* Connections that no thread serves: taken when there is something to read, and kept without a
 * thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi-send/connections.h"

#define PAUSE_MS 1500

static struct connections connections;
static int stop_fd;
static struct sockaddr_un place; /* an abstract socket of this test */

static int start(void **state)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t len = sizeof(place);

    (void)state;
    place = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (bind(fd, (struct sockaddr *)&place, sizeof(place.sun_family)) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)&place, &len)) {
        return -1;
    }
    stop_fd = eventfd(0, 0);
    return connections_init(&connections, fd, stop_fd, PAUSE_MS, NULL);
}

static int stop(void **state)
{
    (void)state;
    connections_finish(&connections);
    close(connections.listen_fd);
    close(stop_fd);
    return 0;
}

static int connect_peer(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    /* An abstract name ends with the address, not with a NUL: 5 digits by autobind (unix(7)). */
    socklen_t len = offsetof(struct sockaddr_un, sun_path) + 6;
    assert_int_equal(connect(fd, (struct sockaddr *)&place, len), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Reads what a peer said; the test hangs if it is not there. */
static void assert_said(int fd, const char *text)
{
    char got[16] = "";

    assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
    assert_string_equal(got, text);
}

static void connection_is_taken_when_there_is_something_to_read(void **state)
{
    int silent = connect_peer(), talker = connect_peer();

    (void)state;
    say(talker, "a");
    int first = connections_take(&connections);
    assert_said(first, "a");
    say(silent, "b");
    int second = connections_take(&connections);
    assert_said(second, "b");
    close(first);
    close(second);
    close(silent);
    close(talker);
}

static void parked_connection_is_taken_again_for_its_next_request(void **state)
{
    int peer = connect_peer();

    (void)state;
    say(peer, "one");
    int fd = connections_take(&connections);
    assert_said(fd, "one");
    connections_park(&connections, fd);
    say(peer, "two");
    assert_int_equal(connections_take(&connections), fd);
    assert_said(fd, "two");
    close(fd);
    close(peer);
}

static void request_that_came_while_it_was_served_is_found_when_it_is_parked(void **state)
{
    int peer = connect_peer();

    (void)state;
    say(peer, "one");
    int fd = connections_take(&connections);
    assert_said(fd, "one");
    say(peer, "two");
    connections_park(&connections, fd);
    assert_int_equal(connections_take(&connections), fd);
    assert_said(fd, "two");
    close(fd);
    close(peer);
}

static void connection_that_has_ended_is_closed_and_not_taken(void **state)
{
    int ended = connect_peer(), talker = connect_peer();
    char byte;

    (void)state;
    shutdown(ended, SHUT_WR);
    say(talker, "a");
    int fd = connections_take(&connections);
    assert_said(fd, "a");
    connections_park(&connections, fd);
    say(talker, "b");
    assert_int_equal(connections_take(&connections), fd);
    assert_int_equal(recv(ended, &byte, 1, MSG_DONTWAIT), 0); /* closed by us */
    close(fd);
    close(ended);
    close(talker);
}

static void pauses_of_a_taken_connection_are_limited(void **state)
{
    const int options[] = {SO_RCVTIMEO, SO_SNDTIMEO};
    int peer = connect_peer();

    (void)state;
    say(peer, "a");
    int fd = connections_take(&connections);
    for (size_t i = 0; i < 2; i++) {
        struct timeval pause;
        socklen_t len = sizeof(pause);

        assert_int_equal(getsockopt(fd, SOL_SOCKET, options[i], &pause, &len), 0);
        assert_int_equal(pause.tv_sec * 1000 + pause.tv_usec / 1000, PAUSE_MS);
    }
    close(fd);
    close(peer);
}

static void *take(void *arg)
{
    *(int *)arg = connections_take(&connections);
    return NULL;
}

static void stop_wakes_every_thread_and_stays(void **state)
{
    pthread_t threads[3];
    int taken[3];
    uint64_t one = 1;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take, &taken[i]), 0);
    }
    assert_int_equal(write(stop_fd, &one, sizeof(one)), sizeof(one));
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(taken[i], -1);
    }
    assert_int_equal(connections_take(&connections), -1);
}

static void each_connection_is_taken_by_one_thread(void **state)
{
    pthread_t threads[4];
    int peers[4], taken[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take, &taken[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        peers[i] = connect_peer();
        say(peers[i], "a");
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_said(taken[i], "a");
    }
    for (size_t i = 0; i < 4; i++) {
        close(taken[i]);
        close(peers[i]);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(connection_is_taken_when_there_is_something_to_read),
        test(parked_connection_is_taken_again_for_its_next_request),
        test(request_that_came_while_it_was_served_is_found_when_it_is_parked),
        test(connection_that_has_ended_is_closed_and_not_taken),
        test(pauses_of_a_taken_connection_are_limited),
        test(stop_wakes_every_thread_and_stays),
        test(each_connection_is_taken_by_one_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
