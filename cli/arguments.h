// arguments.h - command line words to a request, through argp.
#ifndef MX_CLI_ARGUMENTS_H
#define MX_CLI_ARGUMENTS_H

#include "command.h"

// argv[0] is the command's name. request->addresses is the caller's to free.
mx_status arguments_parse(const struct command *command, int argc, char **argv,
                          struct request *request, struct mx_error *err);
void arguments_print_help(const struct command *command);

mx_status arguments_pid(const char *text, int *ret, struct mx_error *err);
// Decimal, or hexadecimal with 0x.
mx_status arguments_address(const char *text, mx_addr *ret, struct mx_error *err);
mx_status arguments_count(const char *option, const char *text, uint64_t *ret,
                          struct mx_error *err);
// A count of bytes, with K, M, G, T (powers of 1024) if wanted: "64K", "1.5MiB".
mx_status arguments_size(const char *option, const char *text, uint64_t *ret, struct mx_error *err);

#endif
