-- Put in front of every script. Time is the server's own, so that no PC's wrong clock matters.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1e6
end
local now = clock()
local stamp = string.format('%.6f', now)

local function emit(...)
  redis.call('XADD', 'events', 'MAXLEN', '~', 10000, '*', 'at', stamp, ...)
end

-- What policies see of the node has changed: whoever has read the nodes before reads this one anew. It needs memory, so it
-- comes after a script's first write: else Redis would refuse scripts that only free some when it has none.
local touched = {}
local function touch(node)
  if touched[node] then return end
  touched[node] = true
  redis.call('ZADD', 'workers:changed', redis.call('INCR', 'workers:version'), node)
end

-- A job's rank in the backlog is its class (lane and priority) times WIDTH, and its tag within that class.
local WIDTH = 1e14
local BATCHES = 20 -- the first class of batches; single images are below it

-- Class and tag of a rank.
local function parts(rank)
  local class = math.floor(tonumber(rank) / WIDTH)
  return class, tonumber(rank) - class * WIDTH
end

-- Predicted seconds as whole units of 10 microseconds, at least one: sums of them stay exact.
local function units(cost)
  return math.max(1, math.floor((tonumber(cost) or 0) * 1e5 + 0.5))
end

local FINISHED = {done = true, failed = true, cancelled = true, quarantined = true}

-- How many unfinished jobs a submitter has.
local function count_unfinished(submitter, by)
  if redis.call('HINCRBY', 'submitters', submitter, by) <= 0 then redis.call('HDEL', 'submitters', submitter) end
end

-- A file name as searches compare it; `search` is given where lower case is more than ASCII's.
local function searched(name, search)
  return search or string.lower(name)
end

-- A job's entry in the index of file names.
local function name_entry(name, search, seq)
  return searched(name, search) .. '\0' .. string.format('%.0f', tonumber(seq))
end

-- One more image of a job is this stored one.
local function hold(sha256, bytes)
  local key = 'blob:' .. sha256
  if redis.call('HINCRBY', key, 'refs', 1) > 1 then return end
  redis.call('HSET', key, 'bytes', bytes)
  redis.call('INCRBY', 'blobs:bytes', bytes)
  redis.call('ZREM', 'blobs:unused', sha256)
end

-- One more batch has steps that need this stored image: only such images can be named by their SHA-256 in a pipeline.
local function hold_asset(sha256, bytes)
  hold(sha256, bytes)
  redis.call('HINCRBY', 'blob:' .. sha256, 'assets', 1)
end

-- A line of a timeline. Jobs that travel together have the same one.
local lines = {}
local function line(word, node, attempt, detail)
  local key = table.concat({word, node, attempt, detail}, '\0')
  lines[key] = lines[key] or cjson.encode({
    at = now, event = word, node = node, attempt = tonumber(attempt), detail = detail})
  return lines[key]
end

-- One change of a job's state: record, indexes, batch counts, timeline and event together. What follows `detail` are
-- fields and values that the record gets as well.
local function transition(id, to, word, detail, ...)
  local key = 'job:' .. id
  local old = redis.call('HMGET', key, 'state', 'batch', 'seq', 'node', 'attempt', 'name', 'submitter')
  local from, batch, seq, node, attempt = old[1], old[2], old[3], old[4] or '', old[5] or '0'
  redis.call('HSET', key, 'state', to, ...)
  redis.call('ZREM', 'jobs:' .. from, id)
  redis.call('ZADD', 'jobs:' .. to, seq, id)
  local left = redis.call('HINCRBY', 'batch:' .. batch, from, -1)
  redis.call('HINCRBY', 'batch:' .. batch, to, 1)
  if from == 'queued' and left == 0 then redis.call('HDEL', 'backlog:shares', batch) end
  redis.call('RPUSH', key .. ':timeline', line(word, node, attempt, detail or ''))
  emit('type', 'job', 'job', id, 'batch', batch, 'state', to, 'node', node, 'attempt', attempt,
    'name', old[6] or '')
  if FINISHED[to] then
    redis.call('HSET', key, 'finished_at', stamp)
    redis.call('ZADD', 'batch:' .. batch .. ':finished', redis.call('HINCRBY', 'batch:' .. batch, 'endings', 1), id)
    redis.call('ZADD', 'jobs:finished', stamp, id)
    count_unfinished(old[7] or '', -1)
  elseif FINISHED[from] then
    redis.call('ZREM', 'jobs:finished', id)
    count_unfinished(old[7] or '', 1)
  end
end

-- Takes a job off the node and the lease that held it.
local function unbind(id)
  local held = redis.call('HMGET', 'job:' .. id, 'node', 'lease', 'cost')
  if held[1] and held[1] ~= '' and redis.call('HDEL', 'worker:' .. held[1] .. ':jobs', id) == 1 then
    redis.call('HINCRBY', 'worker:' .. held[1], 'work', -units(held[3]))
    touch(held[1])
  end
  if held[2] and held[2] ~= '' then redis.call('SREM', 'lease:' .. held[2], id) end
  redis.call('HSET', 'job:' .. id, 'lease', '')
end

-- Into the backlog, which notes since when somebody has been waiting there without a break.
local function enqueue(id, rank)
  if redis.call('EXISTS', 'backlog') == 0 then redis.call('SET', 'backlog:since', stamp) end
  redis.call('ZADD', 'backlog', rank, id)
end

-- Back to the front of its class: its old place, or where the class has got to if that is before it.
local function requeue(id, word, detail)
  unbind(id)
  transition(id, 'queued', word, detail)
  local class, tag = parts(redis.call('HGET', 'job:' .. id, 'rank'))
  local clock = tonumber(redis.call('HGET', 'backlog:clock', class) or '0')
  local rank = string.format('%.0f', class * WIDTH + math.min(tag, clock))
  redis.call('ZREM', 'jobs:node:' .. redis.call('HGET', 'job:' .. id, 'node'), id)
  redis.call('HSET', 'job:' .. id, 'node', '', 'rank', rank)
  enqueue(id, rank)
end

local lasting = {} -- leases whose set ends some day

local function bind(id, node, lease, placement)
  local key = 'job:' .. id
  local attempt = redis.call('HINCRBY', key, 'attempt', 1)
  local job = redis.call('HMGET', key, 'rank', 'cost', 'seq')
  -- The class has got as far as its first job, whichever of them goes now.
  local class = parts(job[1])
  local first = redis.call('ZRANGEBYSCORE', 'backlog', string.format('%.0f', class * WIDTH),
    string.format('(%.0f', (class + 1) * WIDTH), 'WITHSCORES', 'LIMIT', 0, 1)
  local _, tag = parts(first[2])
  if tag > tonumber(redis.call('HGET', 'backlog:clock', class) or '-1') then
    redis.call('HSET', 'backlog:clock', class, string.format('%.0f', tag))
  end
  redis.call('ZREM', 'backlog', id)
  redis.call('HSET', key, 'node', node, 'lease', lease, 'assigned_at', stamp, 'placement', placement)
  redis.call('ZADD', 'jobs:node:' .. node, job[3], id)
  if redis.call('HSET', 'worker:' .. node .. ':jobs', id, lease) == 1 then
    redis.call('HINCRBY', 'worker:' .. node, 'work', units(job[2]))
    touch(node)
  end
  redis.call('SADD', 'lease:' .. lease, id)
  if not lasting[lease] then redis.call('EXPIRE', 'lease:' .. lease, 86400) end
  lasting[lease] = true
  return attempt
end

-- What a worker process needs to run a job.
local function work_order(id)
  return redis.call('HMGET', 'job:' .. id, 'id', 'attempt', 'input', 'pipeline', 'format', 'quality', 'name', 'cost')
end
