// test_public_header.c - the public header stands alone, and what it promises is linked.
//
// It comes first, so that it cannot lean on what another header has included.
#include "memexplorer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_status_zero_is_ok(void **state)
{
    (void)state;
    assert_int_equal(MX_OK, 0);
    assert_string_equal(mx_status_text(MX_OK), "ok");
    assert_int_equal(mx_status_exit_code(MX_OK), 0);
    assert_null(mx_status_exception(MX_OK));
}

static void test_every_status_has_text_and_its_own_exit_code(void **state)
{
    (void)state;
#define X(name, exit_code, text, exception)                                                        \
    assert_string_equal(mx_status_text(name), text);                                               \
    assert_int_equal(mx_status_exit_code(name), exit_code);                                        \
    assert_true(name == MX_OK || mx_status_exit_code(name) != 0);                                  \
    assert_true(name == MX_OK || mx_status_exception(name));
    MX_STATUS_MAP(X)
#undef X
}

static void test_unknown_status_has_text_and_fails(void **state)
{
    (void)state;
    assert_string_equal(mx_status_text((mx_status)1000), "unknown status");
    assert_int_equal(mx_status_exit_code((mx_status)1000), 1);
    assert_string_equal(mx_status_exception((mx_status)1000), "RuntimeError");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_zero_is_ok),
        cmocka_unit_test(test_every_status_has_text_and_its_own_exit_code),
        cmocka_unit_test(test_unknown_status_has_text_and_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
