-- ARGV: node, lease, claimant, then id, attempt pairs. Returns work orders of the jobs that are now this process's own.
-- A message delivered twice, or one whose node was given up, finds its lease gone and gets nothing. A claimant
-- that asks again, because the answer to its claim was lost, gets the same jobs again.
--
-- A single image that waits in the backlog goes first: it is taken along with a batch's message, and comes before it.
local node, lease, claimant = ARGV[1], ARGV[2], ARGV[3]
local worker = 'worker:' .. node
local first = redis.call('ZREM', worker .. ':waiting', lease) == 1
if first then touch(node) end
local orders, class = {}, nil
for i = 4, #ARGV, 2 do
  local id, attempt = ARGV[i], ARGV[i + 1]
  local job = redis.call('HMGET', 'job:' .. id, 'state', 'attempt', 'lease', 'claimant', 'rank')
  if job[2] == attempt and job[3] == lease then
    if first and job[1] == 'assigned' then
      transition(id, 'running', 'started', '', 'started_at', stamp, 'claimant', claimant)
      orders[#orders + 1] = work_order(id)
      class = class or parts(job[5])
    elseif job[1] == 'running' and job[4] == claimant then
      orders[#orders + 1] = work_order(id)
    end
  end
end
if first and #orders > 0 then
  redis.call('ZADD', worker .. ':running', now, lease)
  local head = redis.call('ZRANGE', 'backlog', 0, 0)[1]
  local job = head and redis.call('HMGET', 'job:' .. head, 'rank', 'avoid', 'peak')
  local own = redis.call('HMGET', worker, 'mode', 'memory_free')
  if head and parts(job[1]) < BATCHES and class >= BATCHES and job[2] ~= node and own[1] == 'active'
    and (tonumber(job[3]) or 0) * 1.1 <= (tonumber(own[2]) or math.huge) then
    local why = cjson.encode({policy = redis.call('GET', 'policy') or 'least-cpu', node = node, decided_at = now,
      reason = 'a process of ' .. node .. ' was about to begin with a batch, and single images go first'})
    -- By hand, because an empty table would be encoded as an object.
    bind(head, node, lease, string.sub(why, 1, -2) .. ',"candidates":[]}')
    transition(head, 'running', 'taken', '', 'started_at', stamp)
    table.insert(orders, 1, work_order(head))
  end
end
return orders
