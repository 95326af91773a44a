"""What each line of a program does to its names and objects: `memexplorer trace`.

trace     a context manager, `with memexplorer.trace():`; trace.main is the command
events    reads what the recorder (memexplorer._trace) has written
listing   the annotated source
command   runs a script under the recorder, in a process of its own making
watcher   shows the trace when that process has ended, whatever ended it
magic     %%memtrace

Nothing is imported here: the watcher needs no extension.
"""
