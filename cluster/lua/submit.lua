-- ARGV: limit of the backlog, of the submitter's unfinished jobs, of the bytes of images in use, then JSON {batch={id,fields,
-- assets=[{sha256,bytes}], left out where there are none}, filters, class, start, end, jobs=[{id,place,sha256,bytes,search,fields}]}. Appends where the batch exists. `place` is how far
-- behind the first job of the same submission a job stands, `end` where the last one ends, in units of work; `start` is what
-- the first slice of the submission answered; `search` is the name in lower case where that is not ASCII.
-- Returns 'FULL', 'QUOTA' or 'STORE' and nothing is recorded, or the tag of the first place.
--
-- Within a class (lane and priority) a job's place is a start tag of start-time fair queueing (Goyal, Vin and Cheng, 1996):
-- each batch's jobs follow each other at the distance of their predicted work, and a batch that comes later begins where
-- the class has got to. So batches that wait together get equal shares of the cluster's work.
local limit, quota, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local given = cjson.decode(ARGV[4])
local submitter = given.batch.fields.submitter
local key = 'batch:' .. given.batch.id
local assets = redis.call('EXISTS', key) == 0 and given.batch.assets or {} -- an old batch has its own
-- A call repeated because its answer was lost finds its jobs recorded.
local fresh = {}
for _, job in ipairs(given.jobs) do
  if redis.call('EXISTS', 'job:' .. job.id) == 0 then fresh[#fresh + 1] = job end
end
if #fresh > 0 then
  if redis.call('ZCARD', 'backlog') + #fresh > limit then return 'FULL' end
  if tonumber(redis.call('HGET', 'submitters', submitter) or '0') + #fresh > quota then return 'QUOTA' end
  local bytes, seen = tonumber(redis.call('GET', 'blobs:bytes') or '0'), {}
  local function count(stored)
    for _, image in ipairs(stored) do
      if not seen[image.sha256] and redis.call('EXISTS', 'blob:' .. image.sha256) == 0 then bytes = bytes + image.bytes end
      seen[image.sha256] = true
    end
  end
  count(fresh)
  count(assets)
  if bytes > most_bytes then return 'STORE' end
end
local batch = given.batch.id
if redis.call('EXISTS', key) == 0 then
  redis.call('HSET', key, 'id', batch, 'created_at', stamp, 'total', 0)
  for name, value in pairs(given.batch.fields) do redis.call('HSET', key, name, value) end
  local held = {}
  for place, asset in ipairs(assets) do
    hold_asset(asset.sha256, asset.bytes)
    held[place] = asset.sha256
  end
  if #held > 0 then redis.call('HSET', key, 'assets', table.concat(held, ' ')) end
end
if redis.call('EXISTS', 'backlog') == 0 then redis.call('DEL', 'backlog:clock') end
local class, share = string.match(redis.call('HGET', 'backlog:shares', batch) or '', '^(%d+):(%d+)$')
local start = tonumber(given.start) or math.max(
  tonumber(redis.call('HGET', 'backlog:clock', given.class) or '0'),
  tonumber(class) == given.class and tonumber(share) or 0)
local queued = line('queued', '', '0', '')
for _, job in ipairs(fresh) do
  local seq = redis.call('INCR', 'jobs:sequence')
  local record = 'job:' .. job.id
  local rank = string.format('%.0f', given.class * WIDTH + math.min(start + job.place, WIDTH - 1))
  local fields = {'id', job.id, 'batch', batch, 'state', 'queued', 'attempt', 0, 'lost', 0, 'node', '', 'lease', '',
    'created_at', stamp, 'seq', seq, 'rank', rank}
  for name, value in pairs(job.fields) do
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if job.search then
    fields[#fields + 1] = 'search'
    fields[#fields + 1] = job.search
  end
  redis.call('HSET', record, unpack(fields))
  hold(job.sha256, job.bytes)
  redis.call('ZADD', 'jobs:names', 0, name_entry(job.fields.name, job.search, seq))
  for _, name in ipairs(given.filters) do redis.call('ZADD', 'jobs:filter:' .. name, seq, job.id) end
  redis.call('ZADD', 'jobs:all', seq, job.id)
  redis.call('ZADD', 'jobs:queued', seq, job.id)
  enqueue(job.id, rank)
  redis.call('RPUSH', key .. ':jobs', job.id)
  redis.call('RPUSH', record .. ':timeline', queued)
  emit('type', 'job', 'job', job.id, 'batch', batch, 'state', 'queued', 'node', '', 'attempt', 0,
    'name', job.fields.name)
end
if #fresh > 0 then
  redis.call('HINCRBY', key, 'total', #fresh)
  redis.call('HINCRBY', key, 'queued', #fresh)
  count_unfinished(submitter, #fresh)
  redis.call('HSET', 'backlog:shares', batch, string.format('%.0f:%.0f', given.class, start + given['end']))
end
return string.format('%.0f', start)
