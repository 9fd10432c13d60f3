/**
 * Starts, watches and ends a server on a machine, through the machine's shell alone.
 *
 * The server gets a session of its own and none of the shell's descriptors: over ssh that is what lets the connection
 * close (an inherited descriptor keeps it open for as long as the server lives). A small parent in the same session
 * waits for it and keeps its exit status.
 */
import { parseProcessStat } from '../../base/index.ts'
import type { Machine } from './machine.ts'
import { quote } from './shell.ts'
import { LabError } from '../errors.ts'

export interface Launch {
  command: readonly string[]
  env: Readonly<Record<string, string>>
}

/** One look at a running server, from /proc (proc(5)). */
export interface Usage {
  /** Since the server's start. */
  atSeconds: number
  rssBytes: number
  /** VmHWM: the highest RSS so far, which short peaks between two looks do not escape. */
  peakBytes: number
  /** User and system time of all threads. */
  cpuSeconds: number
}

export interface ServerExit {
  /** 128 + N for a death by signal N. */
  status: number
  /** Whether the kernel's OOM killer was at work on the machine meanwhile, or the log ends with a failed allocation. */
  outOfMemory: boolean
}

const LOG_LINES = 40
const STOP_TIMEOUT_SECONDS = 10
/**
 * Looks for the pid of a server that was started, some 20 s: nothing would end a shell that waits for ever when the
 * lab is killed.
 */
const START_LOOKS = 1000
/** Looks for the exit status of a server that has ended, some 10 s: its parent may be slow to write it. */
const STATUS_LOOKS = 200
/** Status of a server whose end was not seen: 128 + SIGKILL. */
const KILLED = 137
/** USER_HZ, which is 100 on every Linux architecture that Node runs on. */
const TICKS_PER_SECOND = 100
const FAILED_ALLOCATION = /out of memory|cannot allocate memory|heap limit|bad_alloc/i

export class ServerProcess {
  readonly usage: Usage[] = []
  /** Settles when the server has ended; rejects when the machine can no longer be asked. */
  readonly exited: Promise<ServerExit>
  readonly pid: number
  /** The machine as it sees itself. */
  readonly seen: { kernel: string; memoryBytes: number }
  readonly #machine: Machine
  readonly #watching = new AbortController()
  #isGone = false

  private constructor(machine: Machine, pid: number, seen: ServerProcess['seen'], oomKillsBefore: number) {
    this.#machine = machine
    this.pid = pid
    this.seen = seen
    this.exited = this.#watch(oomKillsBefore)
    // A caller that races against it sees the failure; it may stay unseen.
    this.exited.catch(() => undefined).finally(() => (this.#isGone = false))
  }

  /** Whether it is known to have ended, and `exited` will soon tell how. */
  get isEnding(): boolean {
    return this.#isGone
  }

  /** @throws MACHINE_FAILED when the shell does not answer. A command that cannot be started shows in `exited`. */
  static async start(machine: Machine, { command, env }: Launch, signal: AbortSignal): Promise<ServerProcess> {
    const words = [
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...machine.commandPrefix,
      ...command,
    ]
    const script = `mkdir -p ${quote(machine.workFolder)} && cd ${quote(machine.workFolder)} || exit 1
rm -f pid exit session server.log
cat >run.sh <<'END_OF_RUN'
echo $$ >session
env -i PATH="$PATH" ${words.map(quote).join(' ')} &
echo $! >pid.new && mv pid.new pid
wait $!
echo $? >exit.new && mv exit.new exit
END_OF_RUN
${OOM_KILLS}
setsid sh run.sh </dev/null >server.log 2>&1 &
n=0
until [ -s pid ] || [ ! -e run.sh ] || [ $((n += 1)) -gt ${START_LOOKS} ]; do sleep 0.02; done
read -r key memory unit </proc/meminfo
echo "$(cat pid 2>/dev/null || echo 0) $kills $memory $(uname -r)"`
    // Not to be interrupted in the middle: a half-started server cannot be ended by its session yet.
    const { output } = await machine.shell.run(script, { signal: new AbortController().signal })
    signal.throwIfAborted()
    const [pid, kills, memoryKib, kernel = ''] = output.trim().split(' ')
    const seen = { kernel, memoryBytes: Number(memoryKib ?? 0) * 1024 }
    if (!(Number(pid) > 1))
      throw new LabError('MACHINE_FAILED', `the server's pid was not told: ${output}`, { retryable: true })
    return new ServerProcess(machine, Number(pid), seen, Number(kills ?? 0))
  }

  /** The end of what the server wrote. */
  async logTail(signal: AbortSignal): Promise<string> {
    const script = `tail -n ${LOG_LINES} ${quote(this.#machine.workFolder)}/server.log`
    const { output } = await this.#machine.shell.run(script, { signal })
    return output
  }

  /** SIGTERM, after ten seconds SIGKILL to its whole session. May be called when it has ended. */
  async stop(): Promise<void> {
    this.#watching.abort()
    const script = `cd ${quote(this.#machine.workFolder)} || exit 0
kill -TERM ${this.pid} 2>/dev/null
for i in $(seq ${STOP_TIMEOUT_SECONDS * 20}); do [ -e exit ] && break; sleep 0.05; done
${killSession('.')}`
    const signal = AbortSignal.timeout((STOP_TIMEOUT_SECONDS + 10) * 1000)
    await this.#machine.shell.run(script, { signal, timeoutMs: 0 })
  }

  async #watch(oomKillsBefore: number): Promise<ServerExit> {
    // A process without resident memory is a zombie or gone; its parent, which writes the status, may have been
    // killed with it.
    const script = `cd ${quote(this.#machine.workFolder)} || exit 1
while [ ! -e exit ]; do
  rss=
  { while read -r key value unit; do case $key in VmHWM:) peak=$value;; VmRSS:) rss=$value;; esac; done </proc/${this.pid}/status
  read -r stat </proc/${this.pid}/stat
  read -r up idle </proc/uptime; } 2>/dev/null
  [ -n "$rss" ] || break
  echo "usage $up $rss $peak $stat"
  sleep ${this.#machine.sampleSeconds}
done
echo gone
n=0
until [ -e exit ] || ! grep -q VmRSS "/proc/$(cat session)/status" 2>/dev/null || [ $((n += 1)) -gt ${STATUS_LOOKS} ]; do sleep 0.05; done
${OOM_KILLS}
tail -n ${LOG_LINES} server.log 2>/dev/null
echo
echo "exit $(cat exit 2>/dev/null || echo ${KILLED}) $kills"`
    let log = ''
    let last = ''
    const onLine = (line: string) => {
      if (line.startsWith('usage ')) return this.#look(line)
      if (line === 'gone') this.#isGone = true
      log += `${line}\n`
      last = line
    }
    await this.#machine.shell.run(script, { signal: this.#watching.signal, onLine, timeoutMs: 0 })
    const [, status, kills] = /^exit (\d+) (\d+)$/.exec(last) ?? []
    if (status === undefined) {
      throw new LabError('MACHINE_FAILED', 'the connection to the machine was lost', { retryable: true })
    }
    return {
      status: Number(status),
      outOfMemory: Number(kills) > oomKillsBefore || (status !== '0' && FAILED_ALLOCATION.test(log)),
    }
  }

  #look(line: string): void {
    const [, uptime, rssKib, peakKib, ...words] = line.split(' ')
    const stat = parseProcessStat(words.join(' '))
    if (!stat) return
    const look = {
      atSeconds: Number(uptime) - stat.started / TICKS_PER_SECOND,
      rssBytes: Number(rssKib) * 1024,
      peakBytes: Number(peakKib) * 1024,
      cpuSeconds: stat.cpuTicks / TICKS_PER_SECOND,
    }
    if (Object.values(look).every(Number.isFinite)) this.usage.push(look)
  }
}

/** Sets `kills` to how many processes the kernel has killed for memory since it booted. */
const OOM_KILLS = `kills=0
while read -r key value; do [ "$key" = oom_kill ] && kills=$value; done </proc/vmstat`

/** One line of sh that kills every process of the session of the server that was started in a work folder. */
export function killSession(workFolder: string): string {
  return `[ ! -s ${quote(workFolder)}/session ] || kill -KILL -$(cat ${quote(workFolder)}/session) 2>/dev/null || :`
}
