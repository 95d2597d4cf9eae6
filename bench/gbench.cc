// SPDX-License-Identifier: BSD-2-Clause
//
// gbench.cc - Google Benchmark for programs in C: see gbench.h
//
// One reporter serves both ends: it hands each repetition to the C program,
// and passes all on to Google Benchmark's own JSON reporter, which would want
// one gbench_run() for a whole file.

#include <benchmark/benchmark.h>
#include <errno.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gbench.h"

struct gbench_state {
  benchmark::State *state;
  struct gbench *bench;
};

struct gbench {
  std::string name;
  gbench_function *function;
  void *arg;
  std::string skipped;
  bool by_hand;
  benchmark::internal::Benchmark *registered;
};

namespace {

std::map<std::string, std::unique_ptr<struct gbench>> added;
int repetitions_default;
void (*progress) (const char *name);

class Reporter : public benchmark::BenchmarkReporter {
 public:
  void (*each) (void *arg, const struct gbench_result *result);
  void *arg;
  std::ofstream json;

  bool ReportContext (const Context &context) override
  {
    if (!started && json.is_open ()) {
      json_reporter.SetOutputStream (&json);
      json_reporter.SetErrorStream (&json);
      started = json_reporter.ReportContext (context);
    }
    return true;
  }

  void ReportRuns (const std::vector<Run> &runs) override
  {
    if (started)
      json_reporter.ReportRuns (runs);
    for (const Run &run : runs)
      if (run.run_type == Run::RT_Iteration)
        report (run);
  }

  bool end ()
  {
    if (!json.is_open ())
      return true;
    if (started)
      json_reporter.Finalize ();
    json.close ();
    return !json.fail ();
  }

 private:
  benchmark::JSONReporter json_reporter;
  bool started = false;

  void report (const Run &run)
  {
    const auto found = added.find (run.run_name.function_name);
    std::vector<struct gbench_counter> counters;
    struct gbench_result result = {};

    if (found == added.end ())
      return;
    for (const auto &counter : run.counters)
      counters.push_back ({ counter.first.c_str (), counter.second.value });
    const struct gbench &bench = *found->second;
    const double unit
        = 1e9 / benchmark::GetTimeUnitMultiplier (run.time_unit);
    result.name = bench.name.c_str ();
    result.arg = bench.arg;
    result.repetition = static_cast<int> (run.repetition_index);
    result.skipped = bench.skipped.empty () ? nullptr : bench.skipped.c_str ();
    result.label = run.report_label.c_str ();
    result.iterations = static_cast<uint64_t> (run.iterations);
    result.ns = run.GetAdjustedRealTime () * unit;
    result.cpu_ns = run.GetAdjustedCPUTime () * unit;
    result.ncounters = static_cast<unsigned> (counters.size ());
    result.counters = counters.data ();
    each (arg, &result);
  }
};

Reporter reporter;

} // namespace

void
gbench_init (int repetitions, const char *filter)
{
  // It keeps a pointer to the program's name, for the JSON.
  static std::vector<std::string> options
      = { program_invocation_short_name,
          "--benchmark_enable_random_interleaving=true" };
  std::vector<char *> argv;
  int argc;

  if (filter)
    options.push_back (std::string ("--benchmark_filter=") + filter);
  for (std::string &option : options)
    argv.push_back (&option[0]);
  argc = static_cast<int> (argv.size ());
  argv.push_back (nullptr);
  benchmark::Initialize (&argc, argv.data ());
  repetitions_default = repetitions;
}

bool
gbench_json (const char *path)
{
  reporter.json.open (path);
  return reporter.json.is_open ();
}

void
gbench_context (const char *key, const char *value)
{
  benchmark::AddCustomContext (key, value);
}

void
gbench_progress (void (*started) (const char *name))
{
  progress = started;
}

struct gbench *
gbench_add (const char *name, gbench_function *function, void *arg)
{
  std::unique_ptr<struct gbench> &bench = added[name];

  bench.reset (new (struct gbench) { name, function, arg, "", false, nullptr });
  struct gbench *b = bench.get ();
  b->registered
      = benchmark::RegisterBenchmark (name, [b] (benchmark::State &state) {
          struct gbench_state s = { &state, b };

          if (progress)
            progress (b->name.c_str ());
          b->function (&s, b->arg);
        });
  b->registered->Repetitions (repetitions_default);
  // Beside the median, which is there by itself.
  b->registered->ComputeStatistics ("min", [] (const std::vector<double> &v) {
    return *std::min_element (v.begin (), v.end ());
  });
  b->registered->ComputeStatistics ("max", [] (const std::vector<double> &v) {
    return *std::max_element (v.begin (), v.end ());
  });
  return b;
}

void
gbench_seconds (struct gbench *bench, double seconds)
{
  bench->registered->MinTime (seconds);
}

void
gbench_fixed (struct gbench *bench, uint64_t iterations)
{
  bench->registered->Iterations (
      static_cast<benchmark::IterationCount> (iterations));
}

void
gbench_by_hand (struct gbench *bench)
{
  bench->by_hand = true;
}

void
gbench_repetitions (struct gbench *bench, int repetitions)
{
  bench->registered->Repetitions (repetitions);
}

bool
gbench_next (struct gbench_state *state)
{
  return state->state->KeepRunning ();
}

bool
gbench_next_batch (struct gbench_state *state, uint64_t n)
{
  return state->state->KeepRunningBatch (
      static_cast<benchmark::IterationCount> (n));
}

void
gbench_took (struct gbench_state *state, double seconds)
{
  state->state->SetIterationTime (seconds);
}

uint64_t
gbench_iterations (const struct gbench_state *state)
{
  return static_cast<uint64_t> (state->state->iterations ());
}

void
gbench_skip (struct gbench_state *state, const char *why)
{
  state->bench->skipped = why;
  state->state->SkipWithError (why);
}

void
gbench_items (struct gbench_state *state, uint64_t items)
{
  state->state->SetItemsProcessed (static_cast<int64_t> (items));
}

void
gbench_bytes (struct gbench_state *state, uint64_t bytes)
{
  state->state->SetBytesProcessed (static_cast<int64_t> (bytes));
}

void
gbench_label (struct gbench_state *state, const char *label)
{
  state->state->SetLabel (label);
}

void
gbench_count (struct gbench_state *state, const char *name, double value)
{
  state->state->counters[name] = value;
}

int
gbench_run (void (*each) (void *arg, const struct gbench_result *result),
            void *arg)
{
  int ran;

  for (const auto &bench : added)
    if (bench.second->by_hand)
      bench.second->registered->UseManualTime ();
    else
      bench.second->registered->UseRealTime ();
  reporter.each = each;
  reporter.arg = arg;
  ran = static_cast<int> (benchmark::RunSpecifiedBenchmarks (&reporter));
  benchmark::ClearRegisteredBenchmarks ();
  added.clear ();
  return ran;
}

bool
gbench_end (void)
{
  return reporter.end ();
}
