-- ARGV: most jobs in this call, time before which a job must have finished to be too old, most finished jobs to keep, most bytes
-- of images to keep, time before which a job must have finished for these two ('inf' and '-inf' are numbers here).
-- Removes finished jobs, the oldest first, with all that is known of them, and batches with their last job. Images that no job
-- uses any more are noted in `blobs:unused`. Returns how many jobs went; fewer than the limit means that all did.
local most, too_old = tonumber(ARGV[1]), tonumber(ARGV[2])
local keep, keep_bytes, settled = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local function release(sha256)
  local key = 'blob:' .. sha256
  if redis.call('EXISTS', key) == 0 or redis.call('HINCRBY', key, 'refs', -1) > 0 then return end
  redis.call('DECRBY', 'blobs:bytes', redis.call('HGET', key, 'bytes'))
  redis.call('DEL', key)
  redis.call('ZADD', 'blobs:unused', stamp, sha256)
end

-- What the steps of a batch needed.
local function release_assets(batch)
  for sha256 in string.gmatch(redis.call('HGET', 'batch:' .. batch, 'assets') or '', '%x+') do
    local key = 'blob:' .. sha256
    if redis.call('EXISTS', key) == 1 and redis.call('HINCRBY', key, 'assets', -1) <= 0 then
      redis.call('HDEL', key, 'assets')
    end
    release(sha256)
  end
end

local function leave_batch(id, batch, state)
  local key = 'batch:' .. batch
  redis.call('ZREM', key .. ':finished', id)
  redis.call('HINCRBY', key, state, -1)
  local deleted = redis.call('HINCRBY', key, 'deleted', 1)
  if deleted >= tonumber(redis.call('HGET', key, 'total')) then
    release_assets(batch)
    redis.call('DEL', key, key .. ':jobs', key .. ':finished')
    return
  end
  -- Jobs finish in any order: an id goes when all before it are gone. A few at a time, and what is left goes with the batch.
  for _ = 1, 20 do
    local first = redis.call('LINDEX', key .. ':jobs', 0)
    if not first or redis.call('EXISTS', 'job:' .. first) == 1 then break end
    redis.call('LPOP', key .. ':jobs')
  end
end

local function remove(id)
  local key = 'job:' .. id
  local job = redis.call('HMGET', key, 'state', 'batch', 'seq', 'node', 'name', 'search', 'pipeline', 'input', 'result')
  redis.call('DEL', key, key .. ':timeline')
  redis.call('ZREM', 'jobs:all', id)
  redis.call('ZREM', 'jobs:finished', id)
  redis.call('ZREM', 'jobs:' .. job[1], id)
  redis.call('ZREM', 'jobs:node:' .. job[4], id)
  redis.call('ZREM', 'jobs:names', name_entry(job[5], job[6], job[3]))
  for _, step in ipairs(cjson.decode(job[7])) do redis.call('ZREM', 'jobs:filter:' .. step.filter, id) end
  release(cjson.decode(job[8]).sha256)
  if job[9] and job[9] ~= '' then
    local made = cjson.decode(job[9])
    release(made.sha256)
    if made.thumbnail and made.thumbnail ~= made.sha256 then release(made.thumbnail) end
  end
  leave_batch(id, job[2], job[1])
end

local removed = 0
while removed < most do
  local oldest = redis.call('ZRANGE', 'jobs:finished', 0, 0, 'WITHSCORES')
  if not oldest[1] then break end
  local at = tonumber(oldest[2])
  if at >= too_old and (at >= settled or (redis.call('ZCARD', 'jobs:finished') <= keep
    and tonumber(redis.call('GET', 'blobs:bytes') or '0') <= keep_bytes)) then break end
  remove(oldest[1])
  removed = removed + 1
end
return removed
