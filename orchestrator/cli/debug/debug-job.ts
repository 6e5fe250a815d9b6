import type { JobFile } from '../../protocol/job-file.ts'

/**
 * The same job for another look: it writes where nothing is ever chosen from (and no curve is shown of), and resumes from
 * where the first one did.
 */
export function debugJob({ metrics: _, ...job }: JobFile, scratch: { name: string; secrets: string | null }): JobFile {
  return { ...job, attempt: scratch.name, prefix: `debug/${scratch.name}`, secrets: scratch.secrets, time: null }
}

/** What tells a rank who it is; as the launcher does it. */
export function rankEnvironment(job: JobFile, rank: number, directory: string, port: number): Record<string, string> {
  return {
    RANK: String(rank),
    LOCAL_RANK: String(rank),
    WORLD_SIZE: String(job.ranks),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(port),
    CUDA_VISIBLE_DEVICES: job.gpus[rank] ?? '',
    OMP_NUM_THREADS: String(Math.max(1, Math.floor(job.cores / job.ranks))),
    ORCHESTRATE_ATTEMPT_DIR: directory,
    PYTHONPATH: job.code,
    PYTHONUNBUFFERED: '1',
    PYTHONHASHSEED: '0',
  }
}
