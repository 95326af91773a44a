// arguments.c - command line words to a request, through argp.
//
// argp and getopt print errors of two lines in words of their own: they are silenced here
// (ARGP_NO_ERRS), and the word that they stumbled over is looked up again to say one line.
#include "arguments.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "suggest.h"

#define LIMIT_OPTIONS 16 // of one command, in its own table

struct parsing {
    struct request *request;
    struct mx_error *err;
    mx_status status;
    size_t words;
};

// ---- values -----------------------------------------------------------------------------------

static bool parse_uint64(const char *text, int base, uint64_t *ret)
{
    if (!isxdigit((unsigned char)*text)) // strtoull takes spaces and signs
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, base);
    if (errno || *end)
        return false;
    *ret = value;
    return true;
}

mx_status arguments_pid(const char *text, int *ret, struct mx_error *err)
{
    uint64_t value;
    if (!parse_uint64(text, 10, &value) || value == 0 || value > INT_MAX)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "'%.80s' is not a process id; 'memexplorer ps' lists the processes", text);
    *ret = (int)value;
    return MX_OK;
}

mx_status arguments_address(const char *text, mx_addr *ret, struct mx_error *err)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (!parse_uint64(hex ? text + 2 : text, hex ? 16 : 10, ret))
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "'%.80s' is not an address; write what id() gives, or 0x and hexadecimal",
                        text);
    return MX_OK;
}

mx_status arguments_count(const char *option, const char *text, uint64_t *ret, struct mx_error *err)
{
    if (!parse_uint64(text, 10, ret))
        return cli_fail(err, MX_BAD_ARGUMENT, "%s '%.80s' is not a count; write it as in %s 20",
                        option, text, option);
    return MX_OK;
}

mx_status arguments_size(const char *option, const char *text, uint64_t *ret, struct mx_error *err)
{
    static const char units[] = "BKMGT";
    char *end = NULL;
    double value = isdigit((unsigned char)*text) ? strtod(text, &end) : -1;
    const char *unit = end && *end ? strchr(units, toupper((unsigned char)*end)) : units;
    if (unit && end && *end)
        end += unit > units && strcasecmp(end + 1, "iB") == 0  ? 3
               : unit > units && strcasecmp(end + 1, "B") == 0 ? 2
                                                               : 1;
    double nbytes = unit ? ldexp(value, 10 * (int)(unit - units)) : -1;
    if (!end || *end || !(nbytes >= 0 && nbytes < 0x1p63))
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "%s '%.80s' is not a size; write bytes, or as in %s 64K", option, text,
                        option);
    *ret = (uint64_t)nbytes;
    return MX_OK;
}

// A number is a process id; anything else is the path of a snapshot or core file.
static mx_status take_target(const char *text, struct request *request, struct mx_error *err)
{
    if (!*text || text[strspn(text, "0123456789")] == '\0')
        return arguments_pid(text, &request->pid, err);
    if (access(text, F_OK) != 0)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "'%.80s' is not a process id, and there is no core file of that name; "
                        "'memexplorer ps' lists the processes",
                        text);
    if (mx_file_is_snapshot(text))
        request->snapshot = text;
    else
        request->core = text;
    return MX_OK;
}

// ---- options ----------------------------------------------------------------------------------

static const struct argp_option *find_option(const struct command *command, const char *name,
                                             size_t nbytes)
{
    for (const struct argp_option *option = command->options; option->name; option++)
        if (strncmp(option->name, name, nbytes) == 0)
            return option;
    return NULL;
}

static mx_status unknown_option(const struct command *command, const char *word,
                                struct mx_error *err)
{
    const char *names[LIMIT_OPTIONS];
    size_t count = 0, nbytes = strcspn(word, "=");
    for (const struct argp_option *option = command->options; option->name; option++)
        if (count < LIMIT_OPTIONS)
            names[count++] = option->name;
    char name[80];
    snprintf(name, sizeof name, "%.*s", (int)nbytes, word);
    const char *nearest = suggest_nearest(name + strspn(name, "-"), names, count);
    if (nearest)
        return cli_fail(err, MX_BAD_ARGUMENT, "%s has no option '%s'; did you mean '--%s'?",
                        command->name, name, nearest);
    return cli_fail(err, MX_BAD_ARGUMENT,
                    "%s has no option '%s'; 'memexplorer %s --help' lists its options",
                    command->name, name, command->name);
}

// getopt has passed the word already, unless it stopped in a cluster of letters.
static mx_status bad_option(const struct argp_state *state, const struct command *command,
                            struct mx_error *err)
{
    const char *word =
        state->next > 0 && state->next <= state->argc ? state->argv[state->next - 1] : "";
    if (word[0] != '-' && state->next < state->argc)
        word = state->argv[state->next];
    if (strncmp(word, "--", 2) != 0) {
        for (const struct argp_option *option = command->options; option->name; option++)
            if (option->arg && option->key == word[1] && !word[2])
                return cli_fail(err, MX_BAD_ARGUMENT, "%s needs a value; write %s %s", word, word,
                                option->arg);
        return unknown_option(command, word, err);
    }
    size_t nbytes = strcspn(word, "=") - 2;
    const struct argp_option *option = find_option(command, word + 2, nbytes);
    if (!option)
        return unknown_option(command, word, err);
    if (find_option((&(struct command){.options = option + 1}), word + 2, nbytes) &&
        strlen(option->name) != nbytes)
        return cli_fail(err, MX_BAD_ARGUMENT, "%s begins several options; write it in full", word);
    if (option->arg)
        return cli_fail(err, MX_BAD_ARGUMENT, "--%s needs a value; write --%s %s", option->name,
                        option->name, option->arg);
    return cli_fail(err, MX_BAD_ARGUMENT, "--%s takes no value; write --%s alone", option->name,
                    option->name);
}

// ---- arguments --------------------------------------------------------------------------------

static mx_status take_word(struct parsing *parsing, const char *text)
{
    struct request *request = parsing->request;
    unsigned needs = request->command->needs;
    bool first = parsing->words++ == 0;
    if (first && needs & NEEDS_PID)
        return take_target(text, request, parsing->err);
    if (needs & NEEDS_ADDRESSES || (needs & NEEDS_ADDRESS && request->address_count == 0)) {
        size_t count = request->address_count + 1;
        request->addresses = must(reallocarray(request->addresses, count, sizeof(mx_addr)));
        mx_addr *address = &request->addresses[request->address_count];
        mx_status status = arguments_address(text, address, parsing->err);
        request->address_count += status == MX_OK;
        return status;
    }
    if (needs & (NEEDS_WORD | TAKES_WORD) && !request->word) {
        request->word = text;
        return MX_OK;
    }
    const struct command *command = request->command;
    return cli_fail(parsing->err, MX_BAD_ARGUMENT,
                    "%s does not take '%.80s' as well; write: memexplorer %s%s%s", command->name,
                    text, command->name, *command->arguments ? " " : "", command->arguments);
}

static mx_status check_words(const struct request *request, struct mx_error *err)
{
    const struct command *command = request->command;
    const char *missing =
        command->needs & NEEDS_PID && !request->pid && !request->core && !request->snapshot
            ? "a process id"
        : command->needs & (NEEDS_ADDRESS | NEEDS_ADDRESSES) && !request->address_count
            ? "an address"
        : command->needs & NEEDS_WORD && !request->word ? "a name"
                                                        : NULL;
    if (!missing && request->exe && !request->core)
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "--exe goes with a core file; a process says itself what it runs");
    if (!missing && request->core && request->mode_option)
        return cli_fail(err, MX_BAD_ARGUMENT, "%s goes with a process; a core file stands still",
                        request->mode_option);
    if (!missing && request->snapshot && request->mode_option)
        return cli_fail(err, MX_BAD_ARGUMENT, "%s goes with a process; a snapshot is of one moment",
                        request->mode_option);
    if (!missing)
        return command->check ? command->check(request, err) : MX_OK;
    return cli_fail(err, MX_BAD_ARGUMENT, "%s needs %s; write: memexplorer %s %s", command->name,
                    missing, command->name, command->arguments);
}

static mx_status take_mode(struct request *request, mx_capture_mode mode, const char *option,
                           struct mx_error *err)
{
    if (request->mode_option && request->mode != mode)
        return cli_fail(err, MX_BAD_ARGUMENT, "%s and %s exclude each other; choose one",
                        request->mode_option, option);
    request->mode = mode;
    request->mode_option = option;
    return MX_OK;
}

static mx_status take_common(int key, char *text, struct request *request, struct mx_error *err)
{
    switch (key) {
    case OPTION_JSON:
        request->json = true;
        return MX_OK;
    case OPTION_EXE:
        request->exe = text;
        return MX_OK;
    case OPTION_FREEZE:
        return take_mode(request, MX_CAPTURE_FREEZE, "--freeze", err);
    case OPTION_FORK:
        return take_mode(request, MX_CAPTURE_FORK, "--fork", err);
    case OPTION_NO_PAUSE:
        return take_mode(request, MX_CAPTURE_NO_PAUSE, "--no-pause", err);
    }
    request->help = true;
    return MX_OK;
}

static error_t parse_key(int key, char *text, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    struct request *request = parsing->request;
    switch (key) {
    case OPTION_JSON:
    case OPTION_EXE:
    case OPTION_FREEZE:
    case OPTION_FORK:
    case OPTION_NO_PAUSE:
    case 'h':
        parsing->status = take_common(key, text, request, parsing->err);
        return parsing->status ? EINVAL : 0;
    case ARGP_KEY_ARG:
        parsing->status = take_word(parsing, text);
        return parsing->status ? EINVAL : 0;
    case ARGP_KEY_ERROR:
        if (!parsing->status)
            parsing->status = bad_option(state, request->command, parsing->err);
        return 0;
    }
    bool letter = key > 0 && key < OPTION_JSON;
    if ((key < OPTION_OWN && !letter) || key >= ARGP_KEY_END || !request->command->option)
        return ARGP_ERR_UNKNOWN;
    parsing->status = request->command->option(key, text, parsing->err);
    return parsing->status ? EINVAL : 0;
}

mx_status arguments_parse(const struct command *command, int argc, char **argv,
                          struct request *request, struct mx_error *err)
{
    request->command = command;
    struct parsing parsing = {.request = request, .err = err};
    struct argp argp = {.options = command->options, .parser = parse_key};
    error_t error = argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &parsing);
    if (parsing.status)
        return parsing.status;
    if (error)
        return cli_fail(err, MX_BAD_ARGUMENT, "%s: %s; 'memexplorer %s --help' shows what it takes",
                        command->name, strerror(error), command->name);
    return request->help ? MX_OK : check_words(request, err);
}

void arguments_print_help(const struct command *command)
{
    char name[64];
    snprintf(name, sizeof name, "memexplorer %s", command->name);
    struct argp argp = {
        .options = command->options, .args_doc = command->arguments, .doc = command->help};
    argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_DOC | ARGP_HELP_LONG, name);
}
