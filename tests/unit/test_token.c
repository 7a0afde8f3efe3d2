/* Every claim at its edges, every algorithm, and tokens that were made to deceive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "shared/token.h"
#include "tests/unit/token_maker.h"

#define NOW_MS 1700000000000
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS(more) "{\"sub\":\"u1\",\"exp\":1700000060" more "}"
#define EXPIRES(exp) "{\"sub\":\"u1\",\"exp\":" exp "}"

static struct config config;
static char public_path[] = "/tmp/test_token.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    config = (struct config){.token_algorithm = TOKEN_HS256,
        .token_keys = "k1:" SECRET,
        .token_issuer = "",
        .token_audience = "",
        .token_leeway_ms = 5000,
        .token_lifetime_max_ms = 86400000};
    return 0;
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(public_path);

    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(public_path);
}

static enum err verify(const char *text, struct token *out, struct problem *p)
{
    struct token_verifier v;

    assert_int_equal(token_verifier_init(&v, &config, p), ERR_OK);
    enum err err = token_verify(&v, slice_of(text), NOW_MS, out, p);
    token_verifier_finish(&v);
    return err;
}

static struct token take(const char *text)
{
    struct token token;
    struct problem p = {.err = ERR_OK};

    enum err err = verify(text, &token, &p);
    assert_string_equal(p.msg, "");
    assert_int_equal(err, ERR_OK);
    return token;
}

/* What is said must not have a piece of the token. */
static void assert_says_nothing_of(const struct problem *p, const char *text)
{
    for (size_t at = 0; strlen(text) >= 12 && at + 12 <= strlen(text); at++) {
        char piece[13];

        snprintf(piece, sizeof(piece), "%s", text + at);
        assert_null(strstr(p->msg, piece));
    }
}

static void refuse_as(enum err expected, const char *text, const char *field)
{
    struct token token;
    struct problem p;

    assert_int_equal(verify(text, &token, &p), expected);
    assert_int_equal(p.err, expected);
    if (strcmp(p.field, field) != 0) {
        fail_msg("%s: blamed \"%s\" (%s), not \"%s\"", text, p.field, p.msg, field);
    }
    assert_says_nothing_of(&p, text);
}

static void refuse(const char *header, const char *claims, const char *field)
{
    refuse_as(ERR_TOKEN_INVALID, token_of(header, claims, SECRET), field);
}

static void claims_become_a_token(void **state)
{
    struct token t = take(token_of(HEADER,
        CLAIMS(",\"serverClient\":\"pc\",\"page\":\"home\",\"jti\":\"a:1\",\"iat\":1699999999.5,"
               "\"nbf\":1699999999,\"topics\":[\"news/*\",\"t\"],\"role\":{\"x\":[1]}"),
        SECRET));

    (void)state;
    assert_string_equal(t.user_id, "u1");
    assert_string_equal(t.server_client, "pc");
    assert_string_equal(t.page, "home");
    assert_string_equal(t.id, "a:1");
    assert_int_equal(t.issued_ms, 1699999999500);
    assert_int_equal(t.expires_ms, 1700000060000);
    assert_true(t.has_topics);
    assert_string_equal(t.topics, "news/*\nt\n");
}

static void what_a_token_does_not_say_stays_empty(void **state)
{
    struct token t = take(token_of(HEADER, CLAIMS(""), SECRET));

    (void)state;
    assert_string_equal(t.server_client, "");
    assert_string_equal(t.page, "");
    assert_string_equal(t.id, "");
    assert_int_equal(t.issued_ms, 0);
    assert_false(t.has_topics);
    assert_true(take(token_of(HEADER, CLAIMS(",\"topics\":[]"), SECRET)).has_topics);
}

static void exp_is_required_and_ends_the_token_after_the_leeway(void **state)
{
    (void)state;
    refuse(HEADER, "{\"sub\":\"u1\"}", "exp");
    refuse(HEADER, EXPIRES("\"1700000060\""), "exp");
    refuse(HEADER, EXPIRES("null"), "exp");
    refuse(HEADER, EXPIRES("-1"), "exp");
    refuse(HEADER, EXPIRES("1e300"), "exp");
    refuse(HEADER, EXPIRES("1700000060000"), "exp"); /* milliseconds */
    take(token_of(HEADER, EXPIRES("1699999996"), SECRET));
    refuse_as(ERR_TOKEN_EXPIRED, token_of(HEADER, EXPIRES("1699999995"), SECRET), "exp");
    config.token_leeway_ms = 0;
    take(token_of(HEADER, EXPIRES("1700000000.001"), SECRET));
    refuse_as(ERR_TOKEN_EXPIRED, token_of(HEADER, EXPIRES("1700000000"), SECRET), "exp");
}

static void exp_must_not_lie_further_ahead_than_revocations_are_remembered(void **state)
{
    (void)state;
    take(token_of(HEADER, EXPIRES("1700086405"), SECRET));
    refuse(HEADER, EXPIRES("1700086406"), "exp");
}

static void nbf_and_iat_must_not_lie_ahead(void **state)
{
    (void)state;
    take(token_of(HEADER, CLAIMS(",\"nbf\":1700000005,\"iat\":1700000005"), SECRET));
    refuse(HEADER, CLAIMS(",\"nbf\":1700000006"), "nbf");
    refuse(HEADER, CLAIMS(",\"nbf\":\"now\""), "nbf");
    refuse(HEADER, CLAIMS(",\"iat\":1700000006"), "iat");
}

static void iss_must_be_the_configured_one(void **state)
{
    (void)state;
    take(token_of(HEADER, CLAIMS(",\"iss\":\"anybody\""), SECRET));
    config.token_issuer = "shop";
    take(token_of(HEADER, CLAIMS(",\"iss\":\"shop\""), SECRET));
    refuse(HEADER, CLAIMS(""), "iss");
    refuse(HEADER, CLAIMS(",\"iss\":\"shops\""), "iss");
    refuse(HEADER, CLAIMS(",\"iss\":\"shop\\u0000\""), ""); /* already libjwt's JSON has none */
    refuse(HEADER, CLAIMS(",\"iss\":[\"shop\"]"), "iss");
}

static void aud_must_have_the_configured_one_and_be_absent_without(void **state)
{
    (void)state;
    refuse(HEADER, CLAIMS(",\"aud\":\"push\""), "aud");
    config.token_audience = "push";
    take(token_of(HEADER, CLAIMS(",\"aud\":\"push\""), SECRET));
    take(token_of(HEADER, CLAIMS(",\"aud\":[\"api\",\"push\"]"), SECRET));
    refuse(HEADER, CLAIMS(""), "aud");
    refuse(HEADER, CLAIMS(",\"aud\":\"pus\""), "aud");
    refuse(HEADER, CLAIMS(",\"aud\":[]"), "aud");
    refuse(HEADER, CLAIMS(",\"aud\":[[\"push\"],7]"), "aud");
}

static void names_must_be_fit_for_an_address(void **state)
{
    (void)state;
    refuse(HEADER, "{\"exp\":1700000060}", "sub");
    refuse(HEADER, "{\"exp\":1700000060,\"sub\":\"\"}", "sub");
    refuse(HEADER, "{\"exp\":1700000060,\"sub\":7}", "sub");
    refuse(HEADER, "{\"exp\":1700000060,\"sub\":\"a:b\"}", "sub");
    refuse(HEADER, "{\"exp\":1700000060,\"sub\":\"u1\\u0000\"}", "");
    refuse(HEADER, CLAIMS(",\"page\":\"\""), "page");
    refuse(HEADER, CLAIMS(",\"serverClient\":[\"pc\"]"), "serverClient");
    refuse(HEADER, CLAIMS(",\"jti\":\"\""), "jti");
    refuse(HEADER, CLAIMS(",\"jti\":\"a b\""), "jti");
}

static void topics_are_bounded_and_fit_for_names(void **state)
{
    char many[512] = ",\"topics\":[\"t\"";
    char claims[1024];

    (void)state;
    refuse(HEADER, CLAIMS(",\"topics\":\"t\""), "topics");
    refuse(HEADER, CLAIMS(",\"topics\":[1]"), "topics");
    refuse(HEADER, CLAIMS(",\"topics\":[\"\"]"), "topics");
    refuse(HEADER, CLAIMS(",\"topics\":[\"a b\"]"), "topics");
    refuse(HEADER, CLAIMS(",\"topics\":[\"a\\n\"]"), "topics");
    for (int i = 1; i < 32; i++) {
        strcat(many, ",\"t\"");
    }
    snprintf(claims, sizeof(claims), CLAIMS("%s]"), many);
    take(token_of(HEADER, claims, SECRET));
    snprintf(claims, sizeof(claims), CLAIMS("%s,\"t\"]"), many);
    refuse(HEADER, claims, "topics");
}

static void the_algorithm_is_never_taken_from_the_token(void **state)
{
    (void)state;
    refuse("{\"alg\":\"none\"}", CLAIMS(""), "alg");
    refuse("{\"alg\":\"None\"}", CLAIMS(""), "alg");
    refuse("{\"alg\":\"HS512\"}", CLAIMS(""), "alg");
    refuse("{\"alg\":\"RS256\"}", CLAIMS(""), "alg");
    refuse("{\"typ\":\"JWT\"}", CLAIMS(""), "alg");
    refuse("{\"alg\":\"HS256\",\"alg\":\"none\"}", CLAIMS(""), "");
    refuse("{\"alg\":\"HS256\\u0000\"}", CLAIMS(""), "alg");
    refuse_as(ERR_TOKEN_INVALID, token_unsigned("{\"alg\":\"none\"}", CLAIMS("")), "");
    refuse_as(ERR_TOKEN_INVALID, token_unsigned(HEADER, CLAIMS("")), "");
}

/* The classic: a public key is no secret, but it can be used as one. */
static void a_public_key_does_not_verify_a_mac(void **state)
{
    char pem[4096];
    char keys[256];

    (void)state;
    (void)make_rsa_key(2048, public_path);
    FILE *file = fopen(public_path, "r");
    assert_non_null(file);
    pem[fread(pem, 1, sizeof(pem) - 1, file)] = '\0';
    fclose(file);
    snprintf(keys, sizeof(keys), "k1:file:%s", public_path);
    config.token_algorithm = TOKEN_RS256;
    config.token_keys = keys;
    refuse_as(ERR_TOKEN_INVALID, token_of(HEADER, CLAIMS(""), pem), "alg");
    refuse_as(ERR_TOKEN_INVALID, token_of("{\"alg\":\"RS256\"}", CLAIMS(""), pem), "");
}

static void extensions_that_must_be_understood_are_refused(void **state)
{
    (void)state;
    refuse("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", CLAIMS(""), "crit");
    refuse("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", CLAIMS(""), "typ");
    take(token_of("{\"alg\":\"HS256\",\"typ\":\"jwt\"}", CLAIMS(""), SECRET));
}

static void public_keys_verify_what_their_private_ones_sign(void **state)
{
    static const struct {
        enum token_algorithm algorithm;
        jwt_alg_t alg;
        jwt_alg_t other; /* with the same kind of key */
    } cases[] = {{TOKEN_RS256, JWT_ALG_RS256, JWT_ALG_RS512}, {TOKEN_ES256, JWT_ALG_ES256, 0}};
    char keys[256];

    (void)state;
    snprintf(keys, sizeof(keys), "k1:file:%s", public_path);
    config.token_keys = keys;
    for (size_t i = 0; i < 2; i++) {
        bool is_rsa = cases[i].algorithm == TOKEN_RS256;
        const char *stranger =
            is_rsa ? make_rsa_key(2048, public_path) : make_ec_key("P-256", public_path);
        const char *own =
            is_rsa ? make_rsa_key(2048, public_path) : make_ec_key("P-256", public_path);

        config.token_algorithm = (int)cases[i].algorithm;
        take(token_signed(cases[i].alg, own, NULL, CLAIMS("")));
        take(token_signed(cases[i].alg, own, "k1", CLAIMS("")));
        refuse_as(ERR_TOKEN_INVALID, token_signed(cases[i].alg, own, "k2", CLAIMS("")), "kid");
        refuse_as(ERR_TOKEN_INVALID, token_signed(cases[i].alg, stranger, "k1", CLAIMS("")), "");
        if (cases[i].other) {
            refuse_as(
                ERR_TOKEN_INVALID, token_signed(cases[i].other, own, "k1", CLAIMS("")), "alg");
        }
    }
}

static void keys_are_told_apart_by_kid(void **state)
{
    static const char other[] = "fedcba9876543210fedcba9876543210";

    (void)state;
    config.token_keys = "old:" SECRET " new:fedcba9876543210fedcba9876543210";
    take(token_of("{\"alg\":\"HS256\",\"kid\":\"old\"}", CLAIMS(""), SECRET));
    take(token_of("{\"alg\":\"HS256\",\"kid\":\"new\"}", CLAIMS(""), other));
    refuse("{\"alg\":\"HS256\",\"kid\":\"new\"}", CLAIMS(""), "");
    refuse("{\"alg\":\"HS256\",\"kid\":\"newer\"}", CLAIMS(""), "kid");
    refuse("{\"alg\":\"HS256\",\"kid\":7}", CLAIMS(""), "kid");
    refuse(HEADER, CLAIMS(""), "kid");
}

static void a_changed_character_is_noticed_wherever_it_is(void **state)
{
    char token[4096];

    (void)state;
    snprintf(token, sizeof(token), "%s", token_of(HEADER, CLAIMS(""), SECRET));
    for (size_t i = 0; i < strlen(token); i++) {
        struct token ignored;
        struct problem p;
        char was = token[i];

        token[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(verify(token, &ignored, &p), ERR_TOKEN_INVALID);
        token[i] = was;
    }
    take(token);
}

static void what_is_no_token_is_refused_at_any_length(void **state)
{
    char token[4096];
    char long_claims[6000];

    (void)state;
    snprintf(token, sizeof(token), "%s", token_of(HEADER, CLAIMS(""), SECRET));
    while (*token) {
        token[strlen(token) - 1] = '\0';
        struct token ignored;
        struct problem p;
        assert_int_equal(verify(token, &ignored, &p), ERR_TOKEN_INVALID);
    }
    refuse_as(ERR_TOKEN_INVALID, "...", "");
    refuse_as(ERR_TOKEN_INVALID, "a.b.c.d", "");
    refuse_as(ERR_TOKEN_INVALID, "e30.e30.e30", "alg");
    refuse(HEADER, "[]", "");
    refuse(HEADER, "{\"sub\":\"u1\",\"sub\":\"u2\",\"exp\":1700000060}", "");
    memset(long_claims, ' ', sizeof(long_claims));
    memcpy(long_claims, "{\"exp\":1700000060,\"sub\":\"u1\",\"x\":\"", 35);
    memset(long_claims + 35, 'x', 4000);
    strcpy(long_claims + 4035, "\"}");
    refuse(HEADER, long_claims, "");
}

static void nesting_is_bounded(void **state)
{
    char claims[512] = "{\"sub\":\"u1\",\"exp\":1700000060,\"x\":";

    (void)state;
    for (int i = 0; i < 40; i++) {
        strcat(claims, "[");
    }
    for (int i = 0; i < 40; i++) {
        strcat(claims, "]");
    }
    strcat(claims, "}");
    refuse(HEADER, claims, "");
}

static void a_token_is_for_its_user_and_place(void **state)
{
    struct token t = {.user_id = "u1", .page = "home"};
    struct address a = {.server_client = "pc", .page = "home", .user_id = "u1"};
    struct problem p;

    (void)state;
    assert_int_equal(token_check_address(&t, &a, &p), ERR_OK);
    strcpy(a.page, "shop");
    assert_int_equal(token_check_address(&t, &a, &p), ERR_TOKEN_ELSEWHERE);
    assert_string_equal(p.field, "page");
    strcpy(t.page, "");
    assert_int_equal(token_check_address(&t, &a, &p), ERR_OK);
    strcpy(t.server_client, "app");
    assert_int_equal(token_check_address(&t, &a, &p), ERR_TOKEN_ELSEWHERE);
    assert_string_equal(p.field, "serverClient");
    strcpy(a.user_id, "u2");
    assert_int_equal(token_check_address(&t, &a, &p), ERR_TOKEN_ELSEWHERE);
    assert_string_equal(p.field, "sub");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(claims_become_a_token, set_up),
        cmocka_unit_test_setup(what_a_token_does_not_say_stays_empty, set_up),
        cmocka_unit_test_setup(exp_is_required_and_ends_the_token_after_the_leeway, set_up),
        cmocka_unit_test_setup(
            exp_must_not_lie_further_ahead_than_revocations_are_remembered, set_up),
        cmocka_unit_test_setup(nbf_and_iat_must_not_lie_ahead, set_up),
        cmocka_unit_test_setup(iss_must_be_the_configured_one, set_up),
        cmocka_unit_test_setup(aud_must_have_the_configured_one_and_be_absent_without, set_up),
        cmocka_unit_test_setup(names_must_be_fit_for_an_address, set_up),
        cmocka_unit_test_setup(topics_are_bounded_and_fit_for_names, set_up),
        cmocka_unit_test_setup(the_algorithm_is_never_taken_from_the_token, set_up),
        cmocka_unit_test_setup(a_public_key_does_not_verify_a_mac, set_up),
        cmocka_unit_test_setup(extensions_that_must_be_understood_are_refused, set_up),
        cmocka_unit_test_setup(public_keys_verify_what_their_private_ones_sign, set_up),
        cmocka_unit_test_setup(keys_are_told_apart_by_kid, set_up),
        cmocka_unit_test_setup(a_changed_character_is_noticed_wherever_it_is, set_up),
        cmocka_unit_test_setup(what_is_no_token_is_refused_at_any_length, set_up),
        cmocka_unit_test_setup(nesting_is_bounded, set_up),
        cmocka_unit_test_setup(a_token_is_for_its_user_and_place, set_up),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
