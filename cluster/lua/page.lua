-- ARGV: state, node, filter, beginning of the file name in lower case, created at or after, created before, arrived before
-- (each '' = any), most jobs to find, most entries to look at, then orders of arrival, the latest first, if only these are to
-- be looked at.
-- Returns {where to go on ('' = that was all), id, id, ...}, the newest first; fewer than asked for where many had to be
-- looked at. It reads the smallest of the indexes that apply, and asks the others about each entry.
local state, node, filter, prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local since, till, before = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local limit, steps = tonumber(ARGV[8]), tonumber(ARGV[9])

-- The order of arrival of the first job that was created at that time or later; later than all where there is none.
local function arrival(at)
  local low, high, found = 0, redis.call('ZCARD', 'jobs:all'), math.huge
  while low < high do
    local middle = math.floor((low + high) / 2)
    local row = redis.call('ZRANGE', 'jobs:all', middle, middle, 'WITHSCORES')
    if tonumber(redis.call('HGET', 'job:' .. row[1], 'created_at')) >= at then
      high, found = middle, tonumber(row[2])
    else
      low = middle + 1
    end
  end
  return found
end

local function text(number)
  if number == math.huge then return '+inf' end
  return string.format('%.0f', number)
end

local low, high = since and arrival(since) or 0, before or math.huge
if till then high = math.min(high, arrival(till)) end

local indexes = {}
if state ~= '' then indexes[#indexes + 1] = 'jobs:' .. state end
if node ~= '' then indexes[#indexes + 1] = 'jobs:node:' .. node end
if filter ~= '' then indexes[#indexes + 1] = 'jobs:filter:' .. filter end
local source = 'jobs:all'

local function fits(id)
  for _, index in ipairs(indexes) do
    if index ~= source and not redis.call('ZSCORE', index, id) then return false end
  end
  return true
end

local found = {''}

if #ARGV > 9 then
  for i = 10, #ARGV do
    local seq = tonumber(ARGV[i])
    local id = seq >= low and seq < high and redis.call('ZRANGEBYSCORE', 'jobs:all', ARGV[i], ARGV[i])[1]
    if id and fits(id) then
      found[#found + 1] = id
      if #found > limit then
        found[1] = ARGV[i]
        break
      end
    end
  end
  return found
end

local size = redis.call('ZCARD', source)
for _, index in ipairs(indexes) do
  local count = redis.call('ZCARD', index)
  if count <= size then source, size = index, count end
end

local function named(id)
  if prefix == '' then return true end
  local job = redis.call('HMGET', 'job:' .. id, 'name', 'search')
  return string.sub(searched(job[1], job[2]), 1, #prefix) == prefix
end

local function rows(count)
  return redis.call('ZREVRANGEBYSCORE', source, high == math.huge and '+inf' or '(' .. text(high), text(low), 'WITHSCORES',
    'LIMIT', 0, count)
end

while steps > 0 do
  local count = math.min(steps, 100)
  local some = rows(count)
  for i = 1, #some, 2 do
    high = tonumber(some[i + 1])
    if fits(some[i]) and named(some[i]) then
      found[#found + 1] = some[i]
      if #found > limit then
        if #rows(1) > 0 then found[1] = text(high) end
        return found
      end
    end
  end
  if #some < 2 * count then return found end
  steps = steps - count
end
found[1] = text(high)
return found
