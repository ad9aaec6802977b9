#ifndef MST_BENCH_PROCESS_H
#define MST_BENCH_PROCESS_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the kernel says of another process; proc(5). */
static inline double
cpu_seconds(int pid)
{
  char path[64], line[1024];
  unsigned long user = 0, system_ = 0;

  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file)
    return 0;
  if (fgets(line, sizeof line, file)) {
    const char *after = strrchr(line, ')');
    if (!after || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system_) != 2)
      user = system_ = 0;
  }
  fclose(file);
  return (double)(user + system_) / (double)sysconf(_SC_CLK_TCK);
}

static inline long
peak_kilobytes(int pid)
{
  char path[64], line[256];
  long peak = 0;

  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmHWM: %ld kB", &peak) == 1)
      break;
  if (file)
    fclose(file);
  return peak;
}

#endif
