// prompt.c - lines that somebody types, edited by libedit; or lines of a file.
//
// What was asked about other people's memory is nobody else's business: the history is made with
// mode 0600 in a directory of 0700 before libedit writes a byte to it.
#include "prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

#define LIMIT_HISTORY 1000 // statements

struct prompt {
    EditLine *edit; // NULL without a terminal
    History *history;
    char *path; // of the history; NULL where it cannot be kept
    char *line; // what was read last
    size_t line_nbytes;
    const char *text; // the prompt itself
};

// ---- where the history is ---------------------------------------------------------------------

// Makes every directory of the path; those that are made are this user's alone.
static bool make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made)
            return false;
    }
    return true;
}

// NULL where there is no place for it.
static char *history_path(const char *name)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int nbytes = -1;
    if (state && *state == '/')
        nbytes = asprintf(&path, "%s/memexplorer/%s_history", state, name);
    else if (home && *home == '/')
        nbytes = asprintf(&path, "%s/.local/state/memexplorer/%s_history", home, name);
    if (nbytes < 0)
        return NULL;
    int fd =
        make_directories(path) ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    bool kept = fd >= 0 && fchmod(fd, 0600) == 0;
    if (fd >= 0)
        close(fd);
    if (!kept) {
        free(path);
        path = NULL;
    }
    return path;
}

// ---- lines ------------------------------------------------------------------------------------

static char *say_prompt(EditLine *edit)
{
    struct prompt *prompt;
    el_get(edit, EL_CLIENTDATA, &prompt);
    return (char *)prompt->text;
}

static void open_terminal(struct prompt *prompt, const char *name)
{
    HistEvent event;
    prompt->edit =
        must(el_init("memexplorer", stdin, isatty(STDOUT_FILENO) ? stdout : stderr, stderr));
    prompt->history = must(history_init());
    prompt->path = history_path(name);
    history(prompt->history, &event, H_SETSIZE, LIMIT_HISTORY);
    history(prompt->history, &event, H_SETUNIQUE, 1);
    if (prompt->path)
        history(prompt->history, &event, H_LOAD, prompt->path);
    el_set(prompt->edit, EL_CLIENTDATA, prompt);
    el_set(prompt->edit, EL_PROMPT, say_prompt);
    el_set(prompt->edit, EL_EDITOR, "emacs");
    el_set(prompt->edit, EL_HIST, history, prompt->history);
}

struct prompt *prompt_open(const char *name)
{
    struct prompt *prompt = must(calloc(1, sizeof *prompt));
    if (isatty(STDIN_FILENO))
        open_terminal(prompt, name);
    return prompt;
}

const char *prompt_read(struct prompt *prompt, const char *text, bool *ret_interrupted)
{
    *ret_interrupted = false;
    if (!prompt->edit) {
        ssize_t nbytes = getline(&prompt->line, &prompt->line_nbytes, stdin);
        if (nbytes > 0 && prompt->line[nbytes - 1] == '\n')
            prompt->line[nbytes - 1] = '\0';
        return nbytes < 0 ? NULL : prompt->line;
    }
    prompt->text = text;
    int count = 0;
    errno = 0;
    const char *line = el_gets(prompt->edit, &count);
    if (!line || count <= 0) {
        *ret_interrupted = errno == EINTR;
        el_reset(prompt->edit);
        return *ret_interrupted ? "" : NULL;
    }
    free(prompt->line);
    prompt->line = must(strdup(line));
    prompt->line[strcspn(prompt->line, "\n")] = '\0';
    return prompt->line;
}

void prompt_remember(struct prompt *prompt, const char *text)
{
    if (!prompt->history)
        return;
    HistEvent event;
    char *line = must(strdup(text));
    for (char *at = line; *at; at++)
        if (*at == '\n')
            *at = ' ';
    history(prompt->history, &event, H_ENTER, line);
    if (prompt->path) // now: who ends the program otherwise keeps it too
        history(prompt->history, &event, H_SAVE, prompt->path);
    free(line);
}

void prompt_close(struct prompt *prompt)
{
    if (prompt->edit)
        el_end(prompt->edit);
    if (prompt->history)
        history_end(prompt->history);
    free(prompt->path);
    free(prompt->line);
    free(prompt);
}
