/* The door for JSON: what RFC 8259 allows passes unchanged, everything else gets an error that says
 * where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/json.h"
#include "shared/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A literal with its length, so that it may hold a NUL. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void assert_slice(struct slice actual, const char *expected)
{
    assert_non_null(actual.at);
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.at, expected, actual.len);
}

static struct json_object *parse(const char *text)
{
    struct json_object *value = NULL;

    assert_int_equal(json_parse(slice_of(text), &value, NULL), ERR_OK);
    return value;
}

static const char *const valid[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-12",
    "10.5",
    "-0.0",
    "0.10",
    "1e5",
    "1E+2",
    "1e-2",
    "0e0",
    "1.5e10",
    "123456789012345678901234567890",
    "-12345678901234567890.123456789e400",
    "\"\"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u00e9\\u0000\\uFfFf\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uDBFF\\uDFFF\"",
    "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\x7F\"",
    "[]",
    "{}",
    "[ ]",
    "{ }",
    "[[],{}]",
    "[1,2,3]",
    " \t\r\n[ 1 , 2 ] \t\r\n",
    "{\"\":0}",
    "{\"a\":{\"b\":[{\"c\":null}]},\"d\":\"}\"}",
    "{ \"a\" : 1 , \"b\" : [ true ] }",
    "{\"a\":1,\"A\":2}",
};

static void json_takes_what_rfc_8259_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        struct problem p = {0};
        struct json_object *value = NULL;
        assert_int_equal(json_check(slice_of(valid[i]), NULL, &p), ERR_OK);
        assert_int_equal(json_parse(slice_of(valid[i]), &value, &p), ERR_OK);
        json_object_put(value);
    }
}

static const struct {
    struct slice text;
    enum err err;
    const char *msg;
} refused[] = {
    /* numbers */
    {TEXT("01"), ERR_NOT_JSON, "byte 1: expected nothing after the value"},
    {TEXT("-01"), ERR_NOT_JSON, "byte 2: expected nothing after the value"},
    {TEXT("1."), ERR_NOT_JSON, "byte 2: the text ends where it needs a digit"},
    {TEXT("[1.]"), ERR_NOT_JSON, "byte 3: expected a digit"},
    {TEXT(".5"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("+1"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("1e"), ERR_NOT_JSON, "byte 2: the text ends where it needs a digit"},
    {TEXT("[1e+]"), ERR_NOT_JSON, "byte 4: expected a digit"},
    {TEXT("1e+-2"), ERR_NOT_JSON, "byte 3: expected a digit"},
    {TEXT("-"), ERR_NOT_JSON, "byte 1: the text ends where it needs a digit"},
    {TEXT("[-a]"), ERR_NOT_JSON, "byte 2: expected a digit"},
    {TEXT("0x1"), ERR_NOT_JSON, "byte 1: expected nothing after the value"},
    {TEXT("NaN"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("Infinity"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("-Infinity"), ERR_NOT_JSON, "byte 1: expected a digit"},
    /* words */
    {TEXT("tru"), ERR_NOT_JSON, "byte 3: the text ends where it needs true"},
    {TEXT("True"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("nul1"), ERR_NOT_JSON, "byte 3: expected null"},
    {TEXT("truefalse"), ERR_NOT_JSON, "byte 4: expected nothing after the value"},
    {TEXT("undefined"), ERR_NOT_JSON, "byte 0: expected a value"},
    /* the whole */
    {TEXT(""), ERR_NOT_JSON, "byte 0: the text ends where it needs a value"},
    {TEXT(" \n"), ERR_NOT_JSON, "byte 2: the text ends where it needs a value"},
    {TEXT("1 2"), ERR_NOT_JSON, "byte 2: expected nothing after the value"},
    {TEXT("{}}"), ERR_NOT_JSON, "byte 2: expected nothing after the value"},
    {TEXT("// a\n1"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("/**/1"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("\v1"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("\xEF\xBB\xBF{}"), ERR_NOT_JSON, "byte 0: expected a value"}, /* a BOM */
    {TEXT("1\xC2\xA0"), ERR_NOT_JSON, "byte 1: expected nothing after the value"},
    /* containers */
    {TEXT("[1,]"), ERR_NOT_JSON, "byte 3: expected a value"},
    {TEXT("[,1]"), ERR_NOT_JSON, "byte 1: expected a value"},
    {TEXT("[1 2]"), ERR_NOT_JSON, "byte 3: expected ',' or ']'"},
    {TEXT("[1}"), ERR_NOT_JSON, "byte 2: expected ',' or ']'"},
    {TEXT("{\"a\":1]"), ERR_NOT_JSON, "byte 6: expected ',' or '}'"},
    {TEXT("{\"a\":1,}"), ERR_NOT_JSON, "byte 7: expected a key in quotes"},
    {TEXT("{,}"), ERR_NOT_JSON, "byte 1: expected a key in quotes or '}'"},
    {TEXT("{'a':1}"), ERR_NOT_JSON, "byte 1: expected a key in quotes or '}'"},
    {TEXT("{a:1}"), ERR_NOT_JSON, "byte 1: expected a key in quotes or '}'"},
    {TEXT("{1:1}"), ERR_NOT_JSON, "byte 1: expected a key in quotes or '}'"},
    {TEXT("{\"a\" 1}"), ERR_NOT_JSON, "byte 5: expected ':'"},
    {TEXT("{\"a\"}"), ERR_NOT_JSON, "byte 4: expected ':'"},
    {TEXT("{\"a\":}"), ERR_NOT_JSON, "byte 5: expected a value"},
    {TEXT("]"), ERR_NOT_JSON, "byte 0: expected a value"},
    /* strings */
    {TEXT("'a'"), ERR_NOT_JSON, "byte 0: expected a value"},
    {TEXT("\"\\x\""), ERR_NOT_JSON, "byte 2: expected one of \" \\ / b f n r t u"},
    {TEXT("\"\\'\""), ERR_NOT_JSON, "byte 2: expected one of \" \\ / b f n r t u"},
    {TEXT("\"\\u12g4\""), ERR_NOT_JSON, "byte 5: expected a hexadecimal digit"},
    {TEXT("\"\\u12\""), ERR_NOT_JSON, "byte 5: expected a hexadecimal digit"},
    {TEXT("\"\t\""), ERR_NOT_JSON,
        "byte 1: expected '\"' or a character that is no control character"},
    {TEXT("\"a\nb\""), ERR_NOT_JSON,
        "byte 2: expected '\"' or a character that is no control character"},
    {TEXT("\"\x1F\""), ERR_NOT_JSON,
        "byte 1: expected '\"' or a character that is no control character"},
    /* NUL */
    {TEXT("\0"), ERR_NUL_BYTE, "byte 0: a NUL byte"},
    {TEXT("{}\0"), ERR_NUL_BYTE, "byte 2: a NUL byte"},
    {TEXT("\"a\0b\""), ERR_NUL_BYTE, "byte 2: a NUL byte"},
    {TEXT("\"\\\0\""), ERR_NUL_BYTE, "byte 2: a NUL byte"},
    {TEXT("\"\\u00\0\""), ERR_NUL_BYTE, "byte 5: a NUL byte"},
    {TEXT("{\"a\\u0000b\":1}"), ERR_NUL_BYTE, "byte 1: a key with \\u0000"},
    /* UTF-8 */
    {TEXT("\"\x80\""), ERR_BAD_UTF8, "byte 1: not valid UTF-8"},
    {TEXT("\"\xC0\x80\""), ERR_BAD_UTF8, "byte 1: not valid UTF-8"},
    {TEXT("\"a\xE0\x80\xAF\""), ERR_BAD_UTF8, "byte 2: not valid UTF-8"},
    {TEXT("\"\xED\xA0\x80\""), ERR_BAD_UTF8, "byte 1: not valid UTF-8"},
    {TEXT("\"\xF5\x80\x80\x80\""), ERR_BAD_UTF8, "byte 1: not valid UTF-8"},
    {TEXT("\"\xC3\""), ERR_BAD_UTF8, "byte 1: not valid UTF-8"},
    {TEXT("{\"\xFF\":1}"), ERR_BAD_UTF8, "byte 2: not valid UTF-8"},
    {TEXT("\xFF"), ERR_BAD_UTF8, "byte 0: not valid UTF-8"},
    /* halves of surrogate pairs */
    {TEXT("\"a\\ud83d\""), ERR_BAD_UTF8, "byte 2: half of a surrogate pair"},
    {TEXT("\"\\ud83d\\n\""), ERR_BAD_UTF8, "byte 1: half of a surrogate pair"},
    {TEXT("\"\\ud83d\\u0041\""), ERR_BAD_UTF8, "byte 1: half of a surrogate pair"},
    {TEXT("\"\\ud83d\\ud83d\""), ERR_BAD_UTF8, "byte 1: half of a surrogate pair"},
    {TEXT("\"\\ude00\\ud83d\""), ERR_BAD_UTF8, "byte 1: half of a surrogate pair"},
    {TEXT("\"\\ude00\\ude00\""), ERR_BAD_UTF8, "byte 1: half of a surrogate pair"},
};

static void json_refuses_everything_else_and_says_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct problem p = {0};
        struct json_object *untouched = NULL;
        assert_int_equal(json_check(refused[i].text, NULL, &p), refused[i].err);
        assert_string_equal(p.msg, refused[i].msg);
        assert_int_equal(p.err, refused[i].err);
        assert_int_equal(json_check(refused[i].text, NULL, NULL), refused[i].err);
        assert_int_equal(json_parse(refused[i].text, &untouched, NULL), refused[i].err);
        assert_null(untouched);
    }
}

/* A copy on the heap, so that AddressSanitizer sees a read past the end. */
static struct slice copy_bytes(const char *bytes, size_t len)
{
    char *copy = malloc(len + (len == 0));

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    return (struct slice){copy, len};
}

static void free_copy(struct slice copy)
{
    char *owned;

    memcpy(&owned, &copy.at, sizeof(owned));
    free(owned);
}

static void json_refuses_a_text_that_is_cut_anywhere(void **state)
{
    static const char text[] =
        "{\"a\":[1,-2.5e+3,true,null],\"b\\n\":{\"c\":\"\\ud83d\\ude00\xF0\x9F\x98\x80\"}}";

    (void)state;
    assert_int_equal(json_check(slice_of(text), NULL, NULL), ERR_OK);
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct slice cut = copy_bytes(text, len);
        struct json_object *value = NULL;
        assert_int_not_equal(json_check(cut, NULL, NULL), ERR_OK);
        assert_int_not_equal(json_parse(cut, &value, NULL), ERR_OK);
        assert_null(value);
        free_copy(cut);
    }
}

/* Whatever json_check() lets through, json-c must understand, and the walk must stay inside. */
static void json_parses_whatever_passes_the_check(void **state)
{
    static const char seed_text[] =
        "{\"a\":[1,-2.5e+3,{\"b\":\"\\ud83d\\ude00\xF0\x9F\x98\x80\"},null],\"c\":{}}";
    static const char alphabet[] = "{}[]\",:\\u0d8e+-.1 truefalsn\x80\xC3\xA9";
    uint32_t random = 1;
    int passed = 0;

    (void)state;
    for (int round = 0; round < 50000; round++) {
        char text[sizeof(seed_text)];
        memcpy(text, seed_text, sizeof(text));
        for (int change = 0; change <= round % 3; change++) {
            random = random * 1664525 + 1013904223;
            size_t at = (random >> 8) % (sizeof(text) - 1);
            text[at] = alphabet[(random >> 16) % (sizeof(alphabet) - 1)];
        }
        struct slice copy = copy_bytes(text, sizeof(text) - 1);
        struct json_object *value = NULL;
        enum err checked = json_check(copy, NULL, NULL);
        enum err parsed = json_parse(copy, &value, NULL);
        assert_true(parsed == checked || (checked == ERR_OK && parsed == ERR_DUPLICATE_FIELD));
        passed += parsed == ERR_OK;
        json_object_put(value);
        (void)json_raw_member(copy, "zz");
        free_copy(copy);
    }
    assert_true(passed > 1000);
}

static char *nested(const char *open, const char *inner, const char *close, int depth)
{
    char *text = calloc(1, (strlen(open) + strlen(close)) * (size_t)depth + strlen(inner) + 1);
    char *at = text;

    assert_non_null(text);
    for (int i = 0; i < depth; i++, at += strlen(open)) {
        memcpy(at, open, strlen(open));
    }
    memcpy(at, inner, strlen(inner));
    at += strlen(inner);
    for (int i = 0; i < depth; i++, at += strlen(close)) {
        memcpy(at, close, strlen(close));
    }
    return text;
}

static void json_takes_the_greatest_depth_and_not_one_more(void **state)
{
    static const struct {
        const char *open, *inner, *close;
    } kinds[] = {
        {"[", "1", "]"}, {"[", "", "]"}, {"{\"a\":", "\"x\"", "}"}, {"[{\"a\":", "0", "}]"}};

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        int levels = kinds[i].open[0] == '[' && kinds[i].open[1] ? 2 : 1;
        int depth = JSON_DEPTH_MAX / levels;
        char *deep = nested(kinds[i].open, kinds[i].inner, kinds[i].close, depth);
        char *deeper = nested(kinds[i].open, kinds[i].inner, kinds[i].close, depth + 1);
        struct json_object *value = NULL;
        assert_int_equal(json_parse(slice_of(deep), &value, NULL), ERR_OK);
        json_object_put(value);
        assert_int_equal(json_parse(slice_of(deeper), &value, NULL), ERR_TOO_DEEP);
        free(deep);
        free(deeper);
    }
}

static void json_refuses_100000_brackets_at_the_first_too_many(void **state)
{
    char *text = nested("[", "", "", 100000);
    struct problem p;

    (void)state;
    assert_int_equal(json_check(slice_of(text), NULL, &p), ERR_TOO_DEEP);
    assert_string_equal(p.msg, "byte 32: nested deeper than 32 levels");
    free(text);
}

static void json_check_counts_members_at_all_depths(void **state)
{
    size_t members = 99;

    (void)state;
    assert_int_equal(json_check(slice_of("[1,[]]"), &members, NULL), ERR_OK);
    assert_int_equal(members, 0);
    assert_int_equal(
        json_check(slice_of("{\"a\":{\"b\":1},\"c\":[{\"d\":1,\"d\":2}]}"), &members, NULL),
        ERR_OK);
    assert_int_equal(members, 5);
}

static void json_finds_the_key_that_stands_twice(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"{\"a\":1,\"a\":2}", "a"},
        {"{\"a\":1,\"b\":0,\"a\":1}", "a"},
        {"{\"a\":1,\"\\u0061\":2}", "a"},
        {"{\"\xC3\xA9\":1,\"\\u00e9\":2}", "\xC3\xA9"},
        {"{\"\":1,\"\":2}", ""},
        {"{\"a\":{\"b\":1,\"b\":2}}", "a.b"},
        {"{\"a\":{\"b\":1,\"b\":2},\"a\":{}}", "a"},
        {"{\"messages\":[{\"x\":1},{\"userId\":1,\"y\":{\"q\":[{\"z\":1,\"z\":2}]}}]}",
            "messages[1].y.q[0].z"},
        {"[[{\"a\":1}],[{\"a\":1,\"a\":1}]]", "[1][0].a"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct problem p = {0};
        struct json_object *value = NULL;
        assert_int_equal(json_parse(slice_of(cases[i].text), &value, &p), ERR_DUPLICATE_FIELD);
        assert_string_equal(p.field, cases[i].field);
        assert_non_null(strstr(p.msg, "stands twice"));
        assert_null(value);
    }
}

static void json_parse_object_takes_objects_only(void **state)
{
    static const char *const others[] = {"[]", "1", "\"{}\"", "null", "true"};
    struct json_object *value = NULL;
    struct problem p;

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(json_parse_object(slice_of(others[i]), &value, &p), ERR_WRONG_TYPE);
        assert_null(value);
    }
    assert_int_equal(json_parse_object(slice_of(" {} "), &value, &p), ERR_OK);
    json_object_put(value);
}

static void json_raw_member_returns_the_bytes_as_they_came(void **state)
{
    struct slice object =
        slice_of(" { \"n\" : 12345678901234567890.10e400 ,\"s\":\"a\\\"}\\u0041\" "
                 ", \"o\":{ \"n\":1, \"x\":\"]}\" } ,\"l\":[ [1] , \"]\" ]\n,"
                 "\"\\u0065\\ud83d\\ude00\\n\":true,\"\":null}");

    (void)state;
    assert_int_equal(json_check(object, NULL, NULL), ERR_OK);
    assert_slice(json_raw_member(object, "n"), "12345678901234567890.10e400");
    assert_slice(json_raw_member(object, "s"), "\"a\\\"}\\u0041\"");
    assert_slice(json_raw_member(object, "o"), "{ \"n\":1, \"x\":\"]}\" }");
    assert_slice(json_raw_member(object, "l"), "[ [1] , \"]\" ]");
    assert_slice(json_raw_member(object, "e\xF0\x9F\x98\x80\n"), "true");
    assert_slice(json_raw_member(object, ""), "null");
    assert_null(json_raw_member(object, "x").at);
    assert_null(json_raw_member(object, "e").at);
    assert_null(json_raw_member(slice_of("[\"n\"]"), "n").at);
    assert_null(json_raw_member(slice_of("{}"), "n").at);
    assert_null(json_raw_member(slice_of("1"), "n").at);
}

static void json_walk_gives_names_still_escaped(void **state)
{
    struct json_walk w;
    struct slice name;
    struct slice value;
    struct buf text;

    (void)state;
    json_walk_start(&w, slice_of("{\"a\\\"\\u00e9\\t\":1,\"\":2}"));
    assert_true(json_walk_next(&w, &name, &value));
    assert_slice(name, "a\\\"\\u00e9\\t");
    assert_slice(value, "1");
    buf_init(&text, 100);
    json_unescape(name, &text);
    assert_string_equal(buf_str(&text), "a\"\xC3\xA9\t");
    buf_finish(&text);
    assert_true(json_walk_next(&w, &name, &value));
    assert_slice(name, "");
    assert_slice(value, "2");
    assert_false(json_walk_next(&w, &name, &value));
    assert_false(json_walk_next(&w, &name, &value));
}

static void json_getters_leave_the_result_alone_where_the_member_is_absent(void **state)
{
    struct json_object *object = parse("{}");
    struct json_field f = {object, "", "x"};
    struct slice text = {"unchanged", 9};
    struct json_object *array = NULL;
    int64_t number = 7;
    bool flag = true;

    (void)state;
    assert_int_equal(json_get_string(f, &text, NULL), ERR_OK);
    assert_int_equal(json_get_int(f, 0, 1, &number, NULL), ERR_OK);
    assert_int_equal(json_get_bool(f, &flag, NULL), ERR_OK);
    assert_int_equal(json_get_array(f, &array, NULL), ERR_OK);
    assert_slice(text, "unchanged");
    assert_int_equal(number, 7);
    assert_true(flag);
    assert_null(array);
    json_object_put(object);
}

static void json_getters_read_members_of_their_type(void **state)
{
    struct json_object *object =
        parse("{\"s\":\"a\\u0000b\",\"i\":-5,\"b\":true,\"l\":[1,2],\"e\":\"\"}");
    struct slice text = {NULL, 0};
    struct json_object *array = NULL;
    int64_t number = 0;
    bool flag = false;

    (void)state;
    assert_int_equal(json_get_string((struct json_field){object, "", "s"}, &text, NULL), ERR_OK);
    assert_int_equal(text.len, 3);
    assert_memory_equal(text.at, "a\0b", 3);
    assert_int_equal(json_get_string((struct json_field){object, "", "e"}, &text, NULL), ERR_OK);
    assert_slice(text, "");
    assert_int_equal(
        json_get_int((struct json_field){object, "", "i"}, -5, -5, &number, NULL), ERR_OK);
    assert_int_equal(number, -5);
    assert_int_equal(json_get_bool((struct json_field){object, "", "b"}, &flag, NULL), ERR_OK);
    assert_true(flag);
    assert_int_equal(json_get_array((struct json_field){object, "", "l"}, &array, NULL), ERR_OK);
    assert_int_equal(json_object_array_length(array), 2);
    json_object_put(object);
}

static void json_getters_refuse_other_types_with_the_path(void **state)
{
    static const char *const values[] = {"null", "1", "1.0", "true", "\"x\"", "[]", "{}"};
    enum { NULL_, INT, DOUBLE, BOOL, STRING, ARRAY, OBJECT };

    (void)state;
    for (int i = 0; i < (int)COUNT(values); i++) {
        char source[32];
        struct problem p = {0};
        struct slice text;
        struct json_object *array;
        int64_t number;
        bool flag;
        snprintf(source, sizeof(source), "{\"x\":%s}", values[i]);
        struct json_object *object = parse(source);
        struct json_field f = {object, "messages[3]", "x"};
        assert_int_equal(json_get_string(f, &text, &p), i == STRING ? ERR_OK : ERR_WRONG_TYPE);
        assert_int_equal(json_get_int(f, 0, 9, &number, &p), i == INT ? ERR_OK : ERR_WRONG_TYPE);
        assert_int_equal(json_get_bool(f, &flag, &p), i == BOOL ? ERR_OK : ERR_WRONG_TYPE);
        assert_int_equal(json_get_array(f, &array, &p), i == ARRAY ? ERR_OK : ERR_WRONG_TYPE);
        assert_string_equal(p.field, "messages[3].x");
        json_object_put(object);
    }
}

static void json_get_int_refuses_what_is_out_of_range_or_was_clamped(void **state)
{
    static const char *const numbers[] = {
        "-1", "11", "9223372036854775808", "99999999999999999999999", "-99999999999999999999999"};

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char source[64];
        struct problem p;
        int64_t number = 7;
        snprintf(source, sizeof(source), "{\"x\":%s}", numbers[i]);
        struct json_object *object = parse(source);
        struct json_field f = {object, "", "x"};
        assert_int_equal(json_get_int(f, 0, 10, &number, &p), ERR_OUT_OF_RANGE);
        assert_string_equal(p.msg, "x must be from 0 to 10");
        if (i >= 2) {
            assert_int_equal(json_get_int(f, INT64_MIN, INT64_MAX, &number, &p), ERR_OUT_OF_RANGE);
        }
        assert_int_equal(number, 7);
        json_object_put(object);
    }
}

static void json_copy_string_wants_a_text_that_fits(void **state)
{
    struct json_object *object =
        parse("{\"a\":\"123\",\"b\":\"1234\",\"c\":\"\",\"d\":\"1\\u00002\",\"e\":5}");
    static const struct {
        const char *name;
        enum err err;
    } cases[] = {{"a", ERR_OK}, {"b", ERR_BAD_VALUE}, {"c", ERR_BAD_VALUE}, {"d", ERR_BAD_VALUE},
        {"e", ERR_WRONG_TYPE}, {"f", ERR_MISSING_FIELD}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[4] = "old";
        struct problem p = {0};
        struct json_field f = {object, "", cases[i].name};
        assert_int_equal(json_copy_string(f, out, sizeof(out), &p), cases[i].err);
        assert_string_equal(out, cases[i].err == ERR_OK ? "123" : "old");
        assert_string_equal(p.field, cases[i].err == ERR_OK ? "" : cases[i].name);
    }
    json_object_put(object);
}

static void json_only_names_the_first_unknown_member(void **state)
{
    static const char *const allowed[] = {"a", "b", NULL};
    struct json_object *object = parse("{\"b\":1,\"c\":2}");
    struct json_object *known = parse("{\"b\":1,\"a\":2}");
    struct problem p;

    (void)state;
    assert_int_equal(json_only(known, "", allowed, &p), ERR_OK);
    assert_int_equal(json_only(object, "messages[0]", allowed, &p), ERR_UNKNOWN_FIELD);
    assert_string_equal(p.field, "messages[0].c");
    json_object_put(object);
    json_object_put(known);
}

static void json_path_joins_and_cuts_at_the_edge_of_a_character(void **state)
{
    char out[8];

    (void)state;
    json_path(out, sizeof(out), "", "abc");
    assert_string_equal(out, "abc");
    json_path(out, sizeof(out), "a[1]", "b");
    assert_string_equal(out, "a[1].b");
    json_path(out, sizeof(out), "a[1]", "b\xC3\xA9");
    assert_string_equal(out, "a[1].b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_takes_what_rfc_8259_allows),
        cmocka_unit_test(json_refuses_everything_else_and_says_where),
        cmocka_unit_test(json_refuses_a_text_that_is_cut_anywhere),
        cmocka_unit_test(json_parses_whatever_passes_the_check),
        cmocka_unit_test(json_takes_the_greatest_depth_and_not_one_more),
        cmocka_unit_test(json_refuses_100000_brackets_at_the_first_too_many),
        cmocka_unit_test(json_check_counts_members_at_all_depths),
        cmocka_unit_test(json_finds_the_key_that_stands_twice),
        cmocka_unit_test(json_parse_object_takes_objects_only),
        cmocka_unit_test(json_raw_member_returns_the_bytes_as_they_came),
        cmocka_unit_test(json_walk_gives_names_still_escaped),
        cmocka_unit_test(json_getters_leave_the_result_alone_where_the_member_is_absent),
        cmocka_unit_test(json_getters_read_members_of_their_type),
        cmocka_unit_test(json_getters_refuse_other_types_with_the_path),
        cmocka_unit_test(json_get_int_refuses_what_is_out_of_range_or_was_clamped),
        cmocka_unit_test(json_copy_string_wants_a_text_that_fits),
        cmocka_unit_test(json_only_names_the_first_unknown_member),
        cmocka_unit_test(json_path_joins_and_cuts_at_the_edge_of_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
