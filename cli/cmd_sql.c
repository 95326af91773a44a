// cmd_sql.c - questions in SQL: of the command line, of a file, or at a prompt.
//
//   statements end in `;`, lines that begin with `.` are for the prompt itself
//
// At the prompt Ctrl-C ends the query that runs, and a mistake only the statement; elsewhere both end
// the program.
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blind_spots.h"
#include "capture.h"
#include "command.h"
#include "output.h"
#include "prompt.h"
#include "sql_rows.h"
#include "suggest.h"
#include "text.h"

#define LIMIT_STATEMENT_NBYTES (1 << 20) // as the library's

static struct {
    double timeout; // seconds; 0 for none
} settings;

enum { OPTION_TIMEOUT = OPTION_OWN };

struct session {
    mx_sql *sql;
    bool json, prompting;
    bool over; // .quit
};

// ---- interrupting -----------------------------------------------------------------------------

static mx_sql *volatile running; // what Ctrl-C ends; NULL while nothing runs

static void interrupt(int signal)
{
    (void)signal;
    if (running)
        mx_sql_interrupt(running);
}

// While a line is read Ctrl-C ends the reading; while rows are written it must not end the writing.
static void catch_interrupts(int flags)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

// ---- statements -------------------------------------------------------------------------------

static void print_count(uint64_t count)
{
    printf("%s%s row%s%s\n", output_style(STYLE_QUIET), text_count(count).s, count == 1 ? "" : "s",
           output_style(STYLE_PLAIN));
}

static mx_status run_statement(struct session *session, mx_sql_query *query, struct mx_error *err)
{
    uint64_t count;
    running = session->sql;
    if (session->prompting)
        catch_interrupts(SA_RESTART);
    mx_status status = sql_rows_print(query, session->json, &count, err);
    running = NULL;
    if (session->prompting)
        catch_interrupts(0);
    if (!status && session->prompting && !session->json)
        print_count(count);
    return status;
}

// All statements of a text.
static mx_status run_text(struct session *session, const char *text, struct mx_error *err)
{
    mx_status status = MX_OK;
    for (bool first = true; !status && *text && !output_failed();) {
        mx_sql_query *query;
        status = mx_sql_prepare(session->sql, text, &query, &text, err);
        if (status || !query)
            continue;
        if (!first && !session->json)
            putchar('\n');
        first = false;
        status = run_statement(session, query, err);
        mx_sql_query_free(query);
    }
    return status;
}

// ---- lines for the prompt itself ----------------------------------------------------------------

static mx_status print_help(struct session *session, const char *word, struct mx_error *err)
{
    (void)session, (void)word, (void)err;
    puts("A statement of SQL ends in `;`, over as many lines as it takes. It only reads.\n"
         "  .tables          the tables and views\n"
         "  .schema [NAME]   the columns of one or all of them, and the queries of views\n"
         "  .json            print JSON, or tables again\n"
         "  .help            this\n"
         "  .quit            leave; Ctrl-D does, too\n"
         "Ctrl-C ends a query that takes too long. Examples:\n"
         "  SELECT * FROM biggest_types LIMIT 10;\n"
         "  SELECT label, source_type FROM referrers WHERE target_address = 0x7f3a5c2d1e80;");
    return MX_OK;
}

static mx_status print_tables(struct session *session, const char *word, struct mx_error *err)
{
    (void)word;
    return run_text(session,
                    "SELECT name, kind, meaning FROM documentation WHERE \"column\" IS NULL", err);
}

// Every quote of the word doubled, as SQL wants it. The caller frees it.
static char *with_quoted(const char *before, const char *word, const char *after)
{
    char *text = NULL;
    size_t nbytes;
    FILE *out = must(open_memstream(&text, &nbytes));
    fputs(before, out);
    for (; *word; word++)
        fputs(*word == '\'' ? "''" : (char[]){*word, '\0'}, out);
    fputs(after, out);
    fclose(out);
    return must(text);
}

// The query of a view stands under its name, and no table: its cells are cut.
static mx_status print_query(struct session *session, const char *word, struct mx_error *err)
{
    char *text =
        with_quoted("SELECT query FROM documentation WHERE query NOT NULL AND name = '", word, "'");
    mx_sql_query *query = NULL;
    struct mx_sql_value value;
    bool row = false;
    mx_status status = mx_sql_prepare(session->sql, text, &query, NULL, err);
    if (!status)
        status = mx_sql_step(query, &row, err);
    if (!status && row) {
        mx_sql_value(query, 0, &value);
        printf("%s\n", value.bytes);
    }
    mx_sql_query_free(query);
    free(text);
    return status;
}

static mx_status print_schema(struct session *session, const char *word, struct mx_error *err)
{
    if (!*word)
        return run_text(session, "SELECT name, \"column\", kind, meaning FROM documentation", err);
    char *text = with_quoted("SELECT \"column\", kind, meaning FROM documentation WHERE name = '",
                             word, "' ORDER BY \"column\" NOT NULL");
    mx_status status = run_text(session, text, err);
    free(text);
    return status || session->json ? status : print_query(session, word, err);
}

static mx_status toggle_json(struct session *session, const char *word, struct mx_error *err)
{
    (void)word, (void)err;
    session->json = !session->json;
    return MX_OK;
}

static mx_status leave(struct session *session, const char *word, struct mx_error *err)
{
    (void)word, (void)err;
    session->over = true;
    return MX_OK;
}

static const struct {
    const char *name;
    mx_status (*run)(struct session *session, const char *word, struct mx_error *err);
} dot_commands[] = {
    {".help", print_help},  {".tables", print_tables}, {".schema", print_schema},
    {".json", toggle_json}, {".quit", leave},          {".exit", leave},
};
#define DOT_COMMAND_COUNT (sizeof dot_commands / sizeof *dot_commands)

static mx_status run_dot_command(struct session *session, const char *line, struct mx_error *err)
{
    char name[32], word[128];
    const char *names[DOT_COMMAND_COUNT];
    size_t nbytes = strcspn(line, " \t");
    snprintf(name, sizeof name, "%.*s", (int)(nbytes < sizeof name ? nbytes : sizeof name), line);
    line += nbytes + strspn(line + nbytes, " \t\"");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(line, " \t\";"), line);
    for (size_t i = 0; i < DOT_COMMAND_COUNT; i++) {
        names[i] = dot_commands[i].name;
        if (strcmp(name, names[i]) == 0)
            return dot_commands[i].run(session, word, err);
    }
    const char *nearest = suggest_nearest(name, names, DOT_COMMAND_COUNT);
    return cli_fail(err, MX_BAD_ARGUMENT, "there is no '%s'; %s%s%s.help lists what there is", name,
                    nearest ? "did you mean '" : "", nearest ? nearest : "", nearest ? "'? " : "");
}

// ---- lines ------------------------------------------------------------------------------------

// Statements over several lines are put together here.
struct pending {
    char *text;
    size_t nbytes;
};

static void add_line(struct pending *pending, const char *line)
{
    size_t nbytes = strlen(line);
    pending->text = must(realloc(pending->text, pending->nbytes + nbytes + 2));
    memcpy(pending->text + pending->nbytes, line, nbytes);
    memcpy(pending->text + pending->nbytes + nbytes, "\n", 2);
    pending->nbytes += nbytes + 1;
}

// Is the text worth asking SQLite whether it is whole? It looks through all of it.
static bool may_be_complete(const char *line)
{
    size_t nbytes = strlen(line);
    while (nbytes && strchr(" \t\r", line[nbytes - 1]))
        nbytes--;
    return nbytes && (line[nbytes - 1] == ';' || strstr(line, "--") || strstr(line, "*/"));
}

static bool is_blank(const struct pending *pending)
{
    return !pending->nbytes || !pending->text[strspn(pending->text, " \t\r\n")];
}

// What a line leads to: nothing yet, a statement that is whole, or a command of the prompt.
static mx_status take_line(struct session *session, struct prompt *prompt, struct pending *pending,
                           const char *line, struct mx_error *err)
{
    if (is_blank(pending) && *line == '.') {
        prompt_remember(prompt, line);
        return run_dot_command(session, line, err);
    }
    add_line(pending, line);
    if (pending->nbytes > LIMIT_STATEMENT_NBYTES) {
        pending->nbytes = 0;
        return cli_fail(err, MX_LIMIT, "a statement of more than 1 MiB; is a `;` missing?");
    }
    if (!may_be_complete(line) || !mx_sql_is_complete(pending->text))
        return MX_OK;
    pending->text[pending->nbytes - 1] = '\0'; // its last line's end
    prompt_remember(prompt, pending->text);
    pending->nbytes = 0;
    return run_text(session, pending->text, err);
}

// At a prompt a failure is said, and the next line is read.
static mx_status survive(struct session *session, mx_status status, struct mx_error *err)
{
    if (!status || !session->prompting)
        return status;
    fflush(stdout);
    output_error(err);
    return MX_OK;
}

static mx_status run_lines(struct session *session, struct mx_error *err)
{
    struct prompt *prompt = prompt_open("sql");
    struct pending pending = {0};
    mx_status status = MX_OK;
    while (!status && !session->over && !output_failed()) {
        bool interrupted;
        fflush(stdout);
        const char *line = prompt_read(prompt, pending.nbytes ? "...> " : "sql> ", &interrupted);
        if (!line)
            break;
        if (interrupted) {
            pending.nbytes = 0;
            fputs("\n", stderr);
            continue;
        }
        status = survive(session, take_line(session, prompt, &pending, line, err), err);
    }
    if (!status && !session->over && !is_blank(&pending)) // a file need not end in `;`
        status = survive(session, run_text(session, pending.text, err), err);
    free(pending.text);
    prompt_close(prompt);
    return status;
}

// ---- command ----------------------------------------------------------------------------------

static void greet(const mx_heap *heap)
{
    const struct mx_target_info *info = mx_heap_target(heap);
    printf("CPython %s, pid %d: %s objects. Statements end in `;`; .help helps, .quit leaves.\n",
           info->process.python, info->process.pid, text_count(mx_heap_summary(heap)->objects).s);
}

static mx_status run(struct request *request, struct mx_error *err)
{
    struct session session = {.json = request->json};
    struct mx_sql_options options = {.timeout_ns = (uint64_t)(settings.timeout * 1e9)};
    mx_status status = mx_sql_open(request->heap, &options, &session.sql, err);
    if (status)
        return status;
    session.prompting = !request->word && isatty(STDIN_FILENO);
    if (session.prompting) {
        catch_interrupts(0);
        if (!request->json)
            greet(request->heap);
    }
    status = request->word ? run_text(&session, request->word, err) : run_lines(&session, err);
    mx_sql_free(session.sql);
    capture_warn(request->heap);
    blind_spots_warn(request->heap);
    return status;
}

static mx_status take_option(int key, const char *text, struct mx_error *err)
{
    (void)key;
    char *end;
    errno = 0;
    settings.timeout = strtod(text, &end);
    if (errno || end == text || *end || !(settings.timeout > 0 && settings.timeout < 1e9))
        return cli_fail(err, MX_BAD_ARGUMENT,
                        "--timeout '%.80s' is not a time; write seconds, as in --timeout 30", text);
    return MX_OK;
}

static const struct argp_option options[] = {
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "End a statement that takes longer (none)", 0},
    TARGET_OPTIONS,
    CAPTURE_OPTIONS,
    COMMON_OPTIONS};

const struct command cmd_sql = {
    .name = "sql",
    .arguments = "PID [STATEMENT]",
    .summary = "questions in SQL, or a prompt for them",
    .help = "Objects, references, types, roots, threads, frames, blocks, strings and dominators as "
            "tables, and what the other commands report as views; docs/sql.md has all of them. "
            "Without a statement there is a prompt, or statements are read from standard input. "
            "Nothing is written anywhere.\v"
            "Examples:\n\n"
            "  $ memexplorer sql 812 'SELECT type, count(*) FROM objects GROUP BY type'\n"
            "  $ memexplorer sql 812 'SELECT * FROM biggest_objects LIMIT 10' --json\n"
            "  $ memexplorer sql 812 < questions.sql\n"
            "  $ memexplorer sql 812\n"
            "  sql> .schema objects\n",
    .needs = NEEDS_PID | TAKES_WORD | NEEDS_TARGET | NEEDS_HEAP,
    .options = options,
    .option = take_option,
    .run = run,
};
