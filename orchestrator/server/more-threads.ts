// Node does file I/O on four threads, and each write to the store waits there for the disk: reads must not queue behind
// them. To be imported before anything that does I/O, since it counts only until then.
process.env.UV_THREADPOOL_SIZE ??= '16'
