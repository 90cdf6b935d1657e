-- ARGV: 'workers:active' or 'workers:known', fields to read... Returns {now, backlog, policy, bindings, weights JSON,
-- policy that adaptive follows, head of the backlog, nodes}; the head is {} or {id, cost, peak, avoid, batch, alone, rank}, a
-- node is {name, waiting, running, image worker alive, active, field values...}.
local nodes = {}
local fields = {}
for i = 2, #ARGV do fields[#fields + 1] = ARGV[i] end
for _, node in ipairs(redis.call('SMEMBERS', ARGV[1])) do
  local key = 'worker:' .. node
  local row = {node, redis.call('ZCARD', key .. ':waiting'), redis.call('ZCARD', key .. ':running'),
    redis.call('EXISTS', key .. ':alive'), redis.call('SISMEMBER', 'workers:active', node)}
  for _, value in ipairs(redis.call('HMGET', key, unpack(fields))) do row[#row + 1] = value or '' end
  nodes[#nodes + 1] = row
end
local head = redis.call('ZRANGE', 'backlog', 0, 0)
if head[1] then
  local job = redis.call('HMGET', 'job:' .. head[1], 'cost', 'peak', 'avoid', 'batch', 'alone', 'rank')
  for i = 1, 6 do head[i + 1] = job[i] or '' end
end
return {stamp, redis.call('ZCARD', 'backlog'), redis.call('GET', 'policy') or '', redis.call('GET', 'bindings') or '0',
  redis.call('GET', 'policy:weights') or '', redis.call('GET', 'policy:adapted') or '', head, nodes}
