-- ARGV: node, lease, claimant, then id, attempt pairs. Returns work orders of the jobs that are now this process's own.
-- A message delivered twice, or one whose node was given up, finds its lease gone and gets nothing. A claimant
-- that asks again, because the answer to its claim was lost, gets the same jobs again.
local node, lease, claimant = ARGV[1], ARGV[2], ARGV[3]
local first = redis.call('ZREM', 'worker:' .. node .. ':waiting', lease) == 1
local orders = {}
for i = 4, #ARGV, 2 do
  local id, attempt = ARGV[i], ARGV[i + 1]
  local job = redis.call('HMGET', 'job:' .. id, 'state', 'attempt', 'lease', 'claimant')
  if job[2] == attempt and job[3] == lease then
    if first and job[1] == 'assigned' then
      transition(id, 'running', 'started', '')
      redis.call('HSET', 'job:' .. id, 'started_at', stamp, 'claimant', claimant)
      orders[#orders + 1] = work_order(id)
    elseif job[1] == 'running' and job[4] == claimant then
      orders[#orders + 1] = work_order(id)
    end
  end
end
if first and #orders > 0 then redis.call('ZADD', 'worker:' .. node .. ':running', now, lease) end
return orders
