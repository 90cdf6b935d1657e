-- ARGV: node, seconds. Leases bound longer ago than that, not claimed, whose message cannot be in the node's queue
-- (the queue holds fewer messages than leases wait). Returns {{lease, id, attempt, ...}, ...} to publish again.
local node = ARGV[1]
local key = 'worker:' .. node .. ':waiting'
local old = redis.call('ZRANGEBYSCORE', key, '-inf', now - tonumber(ARGV[2]))
if #old == 0 or redis.call('LLEN', 'node.' .. node) >= redis.call('ZCARD', key) then return {} end
local found = {}
for _, lease in ipairs(old) do
  local row = {lease}
  for _, id in ipairs(redis.call('SMEMBERS', 'lease:' .. lease)) do
    row[#row + 1] = id
    row[#row + 1] = redis.call('HGET', 'job:' .. id, 'attempt')
  end
  -- Its age starts anew, so that the next second does not publish it once more.
  redis.call('ZADD', key, now, lease)
  if #row == 1 then
    redis.call('ZREM', key, lease)
    touch(node)
  else
    found[#found + 1] = row
  end
end
return found
