/*
 * Many reconnecting socketsend.v1 clients in one thread: raw sockets, epoll, just enough of RFC
 * 6455. Each resumes with the last id that it has seen, acknowledges cumulatively, drops what it
 * has seen, and reconnects with jittered back-off, each time to a node drawn by chance.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "book.h"

struct clients;

struct clients_options {
    struct book *book;
    const char *const *nodes; /* "127.0.0.1:9001" */
    int node_count;
    int users, clients_per_user;
    int64_t backoff_min_ms, backoff_max_ms;
    int64_t cut_every_ms,
        cut_for_ms;         /* jitter: each client's TCP is cut so often for so long; 0: not */
    int64_t silence_max_ms; /* a connection that brings nothing for so long is given up; 0: never */
    bool resume;            /* false: no lastId, for designs that know none */
    int topics; /* what each so manyth user gets is sent to topic ledger/user<n>, which has history;
                   0: nobody */
    int first_user;     /* the users are user<first_user>, … */
    int receive_buffer; /* SO_RCVBUF; 0: the kernel's choice */
    int at_once;        /* most connects that are under way */
    int only_node; /* connect to this one only, until clients_use() says otherwise; -1: to any */
};

struct clients *clients_create(const struct clients_options *options);
void clients_destroy(struct clients *c);
/* Runs until clients_stop(). Call from a thread of its own. */
void clients_run(struct clients *c);
void clients_stop(struct clients *c);

int clients_placed(
    struct clients *c); /* clients that were connected once, and can resume from there */
int64_t clients_ended(
    struct clients *c); /* how many open connections have ended so far, for whatever reason */
int clients_online(struct clients *c); /* clients that are connected and registered now */
/* From any thread: carried out by the loop. */
void clients_use(struct clients *c, int node); /* connect to this node from now on, -1: to any */
/* From now on the times are taken at which clients (re)connect; the second call prints them on one
 * line. */
void clients_mark(struct clients *c);
void clients_report_back(struct clients *c, FILE *out);
/* Resets the TCP connections of so many, at random; each stays away for a random time up to
 * pause_ms. */
void clients_cut(struct clients *c, int percent, int64_t pause_ms);
void clients_stall(
    struct clients *c, int percent, int64_t for_ms); /* so many stop reading for a while */
/* Prints how often each close code came, and how often connects failed. */
void clients_report(struct clients *c, FILE *out);

#endif
