-- ARGV: node, lease, most jobs to take (0 = none), most predicted seconds to take, the node's free memory in bytes,
-- '1' to take the longest first, placement JSON for what is taken, then per result: id, attempt,
-- state, seconds ago it started, seconds it took, CPU seconds, peak memory in bytes (0 = not known), result JSON, error JSON,
-- how many attempts may fail for that reason of the node's own before the job does (0: the reason is the image's).
-- Returns {verdicts, work orders}; a verdict is 'ok' or 'stale' (another attempt is current: the result is dropped).
local node, lease = ARGV[1], ARGV[2]
local most, budget, memory = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local longest, placement = ARGV[6] == '1', ARGV[7]
local worker = 'worker:' .. node
local verdicts, orders = {}, {}
local ended, done = 0, 0
for i = 8, #ARGV, 10 do
  local id, attempt, state = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local key = 'job:' .. id
  local job = redis.call('HMGET', key, 'state', 'attempt', 'lease', 'batch', 'features', 'mp', 'cost', 'created_at', 'rank')
  local tries = tonumber(ARGV[i + 9])
  if job[1] == 'running' and job[2] == attempt and job[3] == lease and tries > 1
    and redis.call('HINCRBY', key, 'faults', 1) < tries then
    redis.call('HSET', key, 'avoid', node)
    requeue(id, 'returned', cjson.decode(ARGV[i + 8]).detail)
    redis.call('HINCRBY', worker, 'failures', 1)
    redis.call('HSET', worker, 'failed_at', stamp)
    verdicts[#verdicts + 1] = 'ok'
  elseif job[1] == 'running' and job[2] == attempt and job[3] == lease then
    local ago = tonumber(ARGV[i + 3])
    local started = string.format('%.6f', now - ago)
    redis.call('HSET', key, 'result', ARGV[i + 7], 'error', ARGV[i + 8], 'started_at', started, 'cpu', ARGV[i + 5])
    if ARGV[i + 7] ~= '' then
      local made = cjson.decode(ARGV[i + 7])
      hold(made.sha256, made.bytes)
      if made.thumbnail and made.thumbnail ~= made.sha256 then hold(made.thumbnail, made.thumbnail_bytes) end
    end
    unbind(id)
    transition(id, state, state, '')
    ended = ended + 1
    if state == 'done' then
      done = done + 1
      if redis.call('HGET', worker, 'failures') ~= '0' then redis.call('HSET', worker, 'failures', 0) end
    elseif tries > 0 then
      redis.call('HINCRBY', worker, 'failures', 1)
      redis.call('HSET', worker, 'failed_at', stamp)
    end
    redis.call('XADD', 'trace', 'MAXLEN', '~', 20000, '*', 'kind', 'job', 'job', id, 'batch', job[4], 'node', node,
      'state', state, 'features', job[5] or '', 'mp', job[6] or '', 'cost', job[7] or '', 'cpu', ARGV[i + 5],
      'peak', ARGV[i + 6], 'wall', ARGV[i + 4], 'created', job[8], 'started', started, 'finished', stamp,
      'lane', (parts(job[9] or 0)))
    verdicts[#verdicts + 1] = 'ok'
  elseif job[1] == state and job[2] == attempt then
    verdicts[#verdicts + 1] = 'ok' -- the answer to an earlier call was lost on the way
  else
    verdicts[#verdicts + 1] = 'stale'
  end
end
if ended > 0 then redis.call('HINCRBY', worker, 'tasks_processed', ended) end
if done > 0 then
  local bucket = 'stats:done:' .. math.floor(now / 10)
  redis.call('INCRBY', bucket, done)
  redis.call('EXPIRE', bucket, 600)
end

-- Up to `most` jobs from the front of the backlog that this node may run, all of one class: a single photo does not wait
-- for the small jobs of a batch that travel with it. Longest first: the first 128 change places within their batch; else
-- no more than are taken below are looked at.
local function front()
  local alone_here = redis.call('SCARD', 'workers:active') < 2
  local health = redis.call('HMGET', worker, 'failures', 'failed_at')
  local failing = tonumber(health[1] or '0') >= 3 and now - tonumber(health[2] or '0') < 60
  if failing and not alone_here then return {} end
  local rows = redis.call('ZRANGE', 'backlog', 0, longest and 127 or math.min(most + 7, 127), 'WITHSCORES')
  local found, class, batch, spent = {}, nil, nil, 0
  for i = 1, #rows, 2 do
    local id = rows[i]
    local job = redis.call('HMGET', 'job:' .. id, 'cost', 'avoid', 'alone', 'peak', 'batch')
    local fits = (tonumber(job[4]) or 0) * 1.1 <= memory
    if alone_here or (job[2] ~= node and fits) then
      local its = parts(rows[i + 1])
      class, batch = class or its, batch or job[5]
      if its ~= class then break end
      if not longest or job[5] == batch then
        found[#found + 1] = {id = id, cost = tonumber(job[1]) or 0, alone = job[3] == '1',
          rank = rows[i + 1], place = i}
        spent = spent + found[#found].cost
        if not longest and (spent > budget or #found >= most) then break end
      end
    end
  end
  if longest then
    table.sort(found, function(a, b) return a.cost > b.cost or (a.cost == b.cost and a.place < b.place) end)
  end
  return found
end

-- Single images whose message waits here for a process: this one is free before it, so they go back, to the very front.
local function release_urgent()
  for _, other in ipairs(redis.call('ZRANGE', worker .. ':waiting', 0, -1)) do
    local ids = redis.call('SMEMBERS', 'lease:' .. other)
    local urgent = false
    for _, id in ipairs(ids) do
      urgent = urgent or parts(redis.call('HGET', 'job:' .. id, 'rank')) < BATCHES
    end
    if urgent then
      for _, id in ipairs(ids) do requeue(id, 'returned', 'a process was free before its message came') end
      redis.call('ZREM', worker .. ':waiting', other)
      redis.call('DEL', 'lease:' .. other)
    end
  end
end

-- The job takes the first place of those that are left, and the job that stood there takes its: the batch's turn is used
-- up, whichever of its jobs goes.
local function change_places(jobs, at)
  local first = at
  for i = at + 1, #jobs do
    if jobs[i].place < jobs[first].place then first = i end
  end
  if first == at then return end
  local one, other = jobs[at], jobs[first]
  one.rank, other.rank, one.place, other.place = other.rank, one.rank, other.place, one.place
  for _, job in ipairs({one, other}) do
    redis.call('HSET', 'job:' .. job.id, 'rank', job.rank)
    redis.call('ZADD', 'backlog', job.rank, job.id)
  end
end

local held = redis.call('ZSCORE', worker .. ':running', lease)
if held then
  -- Jobs taken by an earlier call whose answer was lost: hand them over again.
  for _, id in ipairs(redis.call('SMEMBERS', 'lease:' .. lease)) do
    if redis.call('HGET', 'job:' .. id, 'state') == 'running' then orders[#orders + 1] = work_order(id) end
  end
  if #orders == 0 and most > 0 and redis.call('HGET', worker, 'mode') == 'active' then
    release_urgent()
    local spent, jobs = 0, front()
    for at, job in ipairs(jobs) do
      if #orders > 0 and (spent + job.cost > budget or job.alone) then break end
      if longest then change_places(jobs, at) end
      bind(job.id, node, lease, placement)
      transition(job.id, 'running', 'taken', '', 'started_at', stamp)
      orders[#orders + 1] = work_order(job.id)
      spent = spent + job.cost
      if #orders >= most or job.alone then break end
    end
  end
  if #orders == 0 then
    redis.call('ZREM', worker .. ':running', lease)
    redis.call('DEL', 'lease:' .. lease)
  end
end
touch(node)
return {verdicts, orders}
