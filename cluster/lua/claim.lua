-- ARGV: node, lease, then id, attempt pairs. Returns work orders of the jobs that are now this process's own.
-- A message delivered twice, or one whose node was given up, finds its lease gone and gets nothing.
local node, lease = ARGV[1], ARGV[2]
if redis.call('ZREM', 'worker:' .. node .. ':waiting', lease) == 0 then return {} end
local orders = {}
for i = 3, #ARGV, 2 do
  local id, attempt = ARGV[i], ARGV[i + 1]
  local job = redis.call('HMGET', 'job:' .. id, 'state', 'attempt', 'lease')
  if job[1] == 'assigned' and job[2] == attempt and job[3] == lease then
    transition(id, 'running', 'started', '')
    redis.call('HSET', 'job:' .. id, 'started_at', stamp)
    orders[#orders + 1] = work_order(id)
  end
end
if #orders > 0 then redis.call('ZADD', 'worker:' .. node .. ':running', now, lease) end
return orders
