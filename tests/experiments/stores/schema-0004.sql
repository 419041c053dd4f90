BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id VARCHAR(32) NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	path TEXT NOT NULL, 
	files JSON NOT NULL, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "artifacts" VALUES('dbbfd59c000ef0c48eecf14a1e22a021','wqi53xsr',3,'pending','/artifacts/dbbfd59c000ef0c48eecf14a1e22a021','{}',NULL,'2026-11-01 22:56:25.685171',NULL);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT NOT NULL, 
	vector JSON, 
	recipe JSON NOT NULL, 
	recipe_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	fitness DOUBLE, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_candidates_experiment_id_number UNIQUE (experiment_id, number)
);
INSERT INTO "candidates" VALUES(1,'wqi53xsr',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:56:25.545357');
INSERT INTO "candidates" VALUES(2,'wqi53xsr',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:56:25.577759');
INSERT INTO "candidates" VALUES(3,'wqi53xsr',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:56:25.609365');
INSERT INTO "candidates" VALUES(4,'wqi53xsr',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:56:25.633428');
INSERT INTO "candidates" VALUES(5,'wqi53xsr',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','scored',NULL,0.5,'2026-11-01 22:56:25.665229');
INSERT INTO "candidates" VALUES(6,'ae4wcqqk',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:56:25.741340');
INSERT INTO "candidates" VALUES(7,'ae4wcqqk',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:56:25.785250');
INSERT INTO "candidates" VALUES(8,'ae4wcqqk',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:56:25.829313');
INSERT INTO "candidates" VALUES(9,'ae4wcqqk',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:56:25.837194');
INSERT INTO "candidates" VALUES(10,'hkqjrdgt',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:56:25.893168');
INSERT INTO "candidates" VALUES(11,'hkqjrdgt',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:56:25.937329');
INSERT INTO "candidates" VALUES(12,'hkqjrdgt',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:56:25.957156');
INSERT INTO "candidates" VALUES(13,'hkqjrdgt',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:56:25.965151');
INSERT INTO "candidates" VALUES(14,'hkqjrdgt',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','asked',NULL,NULL,'2026-11-01 22:56:25.997230');
CREATE TABLE "evaluations" (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	started_at DATETIME, 
	finished_at DATETIME, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	fitness DOUBLE, 
	summary JSON NOT NULL, 
	reason TEXT, 
	block INTEGER DEFAULT '-1' NOT NULL, 
	num_items INTEGER DEFAULT '0' NOT NULL, 
	items_digest VARCHAR(16), 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT uq_evaluations_candidate_id_split_block UNIQUE (candidate_id, split, block)
);
INSERT INTO "evaluations" VALUES(1,1,'search','done',1,'worker-1','2026-11-01 22:56:25.554239','2026-11-01 22:56:25.565541','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(2,1,'search','done',1,'worker-1','2026-11-01 22:56:25.569471','2026-11-01 22:56:25.573445','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(3,2,'search','done',1,'worker-1','2026-11-01 22:56:25.581458','2026-11-01 22:56:25.585378','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(4,2,'search','done',1,'worker-1','2026-11-01 22:56:25.593556','2026-11-01 22:56:25.601682','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(5,3,'search','infeasible',0,NULL,NULL,'2026-11-01 22:56:25.621662','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(6,4,'search','lost',1,'worker-0','2026-11-01 22:56:25.641453','2026-11-01 22:56:25.645385','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(7,4,'search','done',1,'worker-1','2026-11-01 22:56:25.649515','2026-11-01 22:56:25.653412','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(8,4,'search','done',1,'worker-1','2026-11-01 22:56:25.657391','2026-11-01 22:56:25.661421','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(9,5,'search','done',1,'worker-1','2026-11-01 22:56:25.669456','2026-11-01 22:56:25.671452','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": null}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(10,5,'search','done',1,'worker-1','2026-11-01 22:56:25.677320','2026-11-01 22:56:25.681350','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(11,4,'selection','done',1,'worker-1','2026-11-01 22:56:25.698607','2026-11-01 22:56:25.701327','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,2,NULL);
INSERT INTO "evaluations" VALUES(12,4,'test','done',1,'worker-1','2026-11-01 22:56:25.709842','2026-11-01 22:56:25.713333','{"apply": 0.25, "score": 1.5}',30,3,2.38095238095238054265e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,3,'dfa461907d63d269');
INSERT INTO "evaluations" VALUES(13,6,'search','done',1,'worker-1','2026-11-01 22:56:25.753872','2026-11-01 22:56:25.761504','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(14,6,'search','done',1,'worker-1','2026-11-01 22:56:25.769439','2026-11-01 22:56:25.777499','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(15,7,'search','done',1,'worker-1','2026-11-01 22:56:25.797670','2026-11-01 22:56:25.801417','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(16,7,'search','done',1,'worker-1','2026-11-01 22:56:25.813729','2026-11-01 22:56:25.821600','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(17,8,'search','infeasible',0,NULL,NULL,'2026-11-01 22:56:25.833361','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(18,9,'search','lost',1,'worker-0','2026-11-01 22:56:25.841427','2026-11-01 22:56:25.845587','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(19,9,'search','done',1,'worker-1','2026-11-01 22:56:25.849462','2026-11-01 22:56:25.853326','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(20,9,'search','done',1,'worker-1','2026-11-01 22:56:25.857327','2026-11-01 22:56:25.865357','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(21,10,'search','done',1,'worker-1','2026-11-01 22:56:25.905515','2026-11-01 22:56:25.913416','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(22,10,'search','done',1,'worker-1','2026-11-01 22:56:25.921521','2026-11-01 22:56:25.929567','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(23,11,'search','done',1,'worker-1','2026-11-01 22:56:25.941493','2026-11-01 22:56:25.945398','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(24,11,'search','done',1,'worker-1','2026-11-01 22:56:25.949357','2026-11-01 22:56:25.953329','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(25,12,'search','infeasible',0,NULL,NULL,'2026-11-01 22:56:25.961303','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(26,13,'search','lost',1,'worker-0','2026-11-01 22:56:25.973835','2026-11-01 22:56:25.977317','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(27,13,'search','done',1,'worker-1','2026-11-01 22:56:25.981439','2026-11-01 22:56:25.985333','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(28,13,'search','done',1,'worker-1','2026-11-01 22:56:25.989548','2026-11-01 22:56:25.993375','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(29,14,'search','running',1,'worker-1','2026-11-01 22:56:26.001385',NULL,'{}',0,0,NULL,'{}',NULL,-1,0,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_events_experiment_id_seq UNIQUE (experiment_id, seq)
);
INSERT INTO "events" VALUES(1,'wqi53xsr',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:56:25.530685');
INSERT INTO "events" VALUES(2,'wqi53xsr',2,'state','{"from": "created", "to": "running", "driver": "node-1:23300", "error": null}','2026-11-01 22:56:25.536067');
INSERT INTO "events" VALUES(3,'wqi53xsr',3,'ask','{"candidate_id": 1, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:56:25.545357');
INSERT INTO "events" VALUES(4,'wqi53xsr',4,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.554239');
INSERT INTO "events" VALUES(5,'wqi53xsr',5,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:56:25.565541');
INSERT INTO "events" VALUES(6,'wqi53xsr',6,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.569471');
INSERT INTO "events" VALUES(7,'wqi53xsr',7,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:56:25.573445');
INSERT INTO "events" VALUES(8,'wqi53xsr',8,'ask','{"candidate_id": 2, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:56:25.577759');
INSERT INTO "events" VALUES(9,'wqi53xsr',9,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.581458');
INSERT INTO "events" VALUES(10,'wqi53xsr',10,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:56:25.585378');
INSERT INTO "events" VALUES(11,'wqi53xsr',11,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.593556');
INSERT INTO "events" VALUES(12,'wqi53xsr',12,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:56:25.601682');
INSERT INTO "events" VALUES(13,'wqi53xsr',13,'ask','{"candidate_id": 3, "number": 2, "kind": "search", "block": null}','2026-11-01 22:56:25.609365');
INSERT INTO "events" VALUES(14,'wqi53xsr',14,'infeasible','{"candidate_id": 3, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:56:25.621662');
INSERT INTO "events" VALUES(15,'wqi53xsr',15,'ask','{"candidate_id": 4, "number": 3, "kind": "search", "block": null}','2026-11-01 22:56:25.633428');
INSERT INTO "events" VALUES(16,'wqi53xsr',16,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:56:25.641453');
INSERT INTO "events" VALUES(17,'wqi53xsr',17,'lost','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:56:25.645385');
INSERT INTO "events" VALUES(18,'wqi53xsr',18,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.649515');
INSERT INTO "events" VALUES(19,'wqi53xsr',19,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:56:25.653412');
INSERT INTO "events" VALUES(20,'wqi53xsr',20,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.657391');
INSERT INTO "events" VALUES(21,'wqi53xsr',21,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:56:25.661421');
INSERT INTO "events" VALUES(22,'wqi53xsr',22,'ask','{"candidate_id": 5, "number": 4, "kind": "search", "block": null}','2026-11-01 22:56:25.665229');
INSERT INTO "events" VALUES(23,'wqi53xsr',23,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.669456');
INSERT INTO "events" VALUES(24,'wqi53xsr',24,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "fitness": 0.5714285714285714}','2026-11-01 22:56:25.671452');
INSERT INTO "events" VALUES(25,'wqi53xsr',25,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.677320');
INSERT INTO "events" VALUES(26,'wqi53xsr',26,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "fitness": 0.4285714285714286}','2026-11-01 22:56:25.681350');
INSERT INTO "events" VALUES(27,'wqi53xsr',27,'export','{"artifact": "dbbfd59c000ef0c48eecf14a1e22a021", "number": 3, "state": "pending", "error": null, "by": "ann"}','2026-11-01 22:56:25.685171');
INSERT INTO "events" VALUES(28,'wqi53xsr',28,'start','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.698607');
INSERT INTO "events" VALUES(29,'wqi53xsr',29,'measure','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "fitness": 0.3571428571428571}','2026-11-01 22:56:25.701327');
INSERT INTO "events" VALUES(30,'wqi53xsr',30,'start','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.709842');
INSERT INTO "events" VALUES(31,'wqi53xsr',31,'measure','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "fitness": 0.23809523809523805}','2026-11-01 22:56:25.713333');
INSERT INTO "events" VALUES(32,'wqi53xsr',32,'decision','{"decision": "winner", "data": {"number": 3, "reason": "better than the center"}}','2026-11-01 22:56:25.717165');
INSERT INTO "events" VALUES(33,'wqi53xsr',33,'state','{"from": "running", "to": "finished", "driver": "node-1:23300", "error": null}','2026-11-01 22:56:25.725160');
INSERT INTO "events" VALUES(34,'ae4wcqqk',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:56:25.733676');
INSERT INTO "events" VALUES(35,'ae4wcqqk',2,'state','{"from": "created", "to": "running", "driver": "node-1:23300", "error": null}','2026-11-01 22:56:25.737149');
INSERT INTO "events" VALUES(36,'ae4wcqqk',3,'ask','{"candidate_id": 6, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:56:25.741340');
INSERT INTO "events" VALUES(37,'ae4wcqqk',4,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.753872');
INSERT INTO "events" VALUES(38,'ae4wcqqk',5,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:56:25.761504');
INSERT INTO "events" VALUES(39,'ae4wcqqk',6,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.769439');
INSERT INTO "events" VALUES(40,'ae4wcqqk',7,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:56:25.777499');
INSERT INTO "events" VALUES(41,'ae4wcqqk',8,'ask','{"candidate_id": 7, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:56:25.785250');
INSERT INTO "events" VALUES(42,'ae4wcqqk',9,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.797670');
INSERT INTO "events" VALUES(43,'ae4wcqqk',10,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:56:25.801417');
INSERT INTO "events" VALUES(44,'ae4wcqqk',11,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.813729');
INSERT INTO "events" VALUES(45,'ae4wcqqk',12,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:56:25.821600');
INSERT INTO "events" VALUES(46,'ae4wcqqk',13,'ask','{"candidate_id": 8, "number": 2, "kind": "search", "block": null}','2026-11-01 22:56:25.829313');
INSERT INTO "events" VALUES(47,'ae4wcqqk',14,'infeasible','{"candidate_id": 8, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:56:25.833361');
INSERT INTO "events" VALUES(48,'ae4wcqqk',15,'ask','{"candidate_id": 9, "number": 3, "kind": "search", "block": null}','2026-11-01 22:56:25.837194');
INSERT INTO "events" VALUES(49,'ae4wcqqk',16,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:56:25.841427');
INSERT INTO "events" VALUES(50,'ae4wcqqk',17,'lost','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:56:25.845587');
INSERT INTO "events" VALUES(51,'ae4wcqqk',18,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.849462');
INSERT INTO "events" VALUES(52,'ae4wcqqk',19,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:56:25.853326');
INSERT INTO "events" VALUES(53,'ae4wcqqk',20,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.857327');
INSERT INTO "events" VALUES(54,'ae4wcqqk',21,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:56:25.865357');
INSERT INTO "events" VALUES(55,'ae4wcqqk',22,'state','{"from": "running", "to": "interrupted", "driver": "node-1:23300", "error": null}','2026-11-01 22:56:25.877173');
INSERT INTO "events" VALUES(56,'hkqjrdgt',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:56:25.881636');
INSERT INTO "events" VALUES(57,'hkqjrdgt',2,'state','{"from": "created", "to": "running", "driver": "node-1:23300", "error": null}','2026-11-01 22:56:25.889250');
INSERT INTO "events" VALUES(58,'hkqjrdgt',3,'ask','{"candidate_id": 10, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:56:25.893168');
INSERT INTO "events" VALUES(59,'hkqjrdgt',4,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.905515');
INSERT INTO "events" VALUES(60,'hkqjrdgt',5,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:56:25.913416');
INSERT INTO "events" VALUES(61,'hkqjrdgt',6,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.921521');
INSERT INTO "events" VALUES(62,'hkqjrdgt',7,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:56:25.929567');
INSERT INTO "events" VALUES(63,'hkqjrdgt',8,'ask','{"candidate_id": 11, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:56:25.937329');
INSERT INTO "events" VALUES(64,'hkqjrdgt',9,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.941493');
INSERT INTO "events" VALUES(65,'hkqjrdgt',10,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:56:25.945398');
INSERT INTO "events" VALUES(66,'hkqjrdgt',11,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.949357');
INSERT INTO "events" VALUES(67,'hkqjrdgt',12,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:56:25.953329');
INSERT INTO "events" VALUES(68,'hkqjrdgt',13,'ask','{"candidate_id": 12, "number": 2, "kind": "search", "block": null}','2026-11-01 22:56:25.957156');
INSERT INTO "events" VALUES(69,'hkqjrdgt',14,'infeasible','{"candidate_id": 12, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:56:25.961303');
INSERT INTO "events" VALUES(70,'hkqjrdgt',15,'ask','{"candidate_id": 13, "number": 3, "kind": "search", "block": null}','2026-11-01 22:56:25.965151');
INSERT INTO "events" VALUES(71,'hkqjrdgt',16,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:56:25.973835');
INSERT INTO "events" VALUES(72,'hkqjrdgt',17,'lost','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:56:25.977317');
INSERT INTO "events" VALUES(73,'hkqjrdgt',18,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.981439');
INSERT INTO "events" VALUES(74,'hkqjrdgt',19,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:56:25.985333');
INSERT INTO "events" VALUES(75,'hkqjrdgt',20,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:25.989548');
INSERT INTO "events" VALUES(76,'hkqjrdgt',21,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:56:25.993375');
INSERT INTO "events" VALUES(77,'hkqjrdgt',22,'ask','{"candidate_id": 14, "number": 4, "kind": "search", "block": null}','2026-11-01 22:56:25.997230');
INSERT INTO "events" VALUES(78,'hkqjrdgt',23,'start','{"candidate_id": 14, "number": 4, "split": "search", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:56:26.001385');
CREATE TABLE evomerge_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT evomerge_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "evomerge_schema_version" VALUES('0004');
CREATE TABLE experiments (
	id VARCHAR(8) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	spec JSON NOT NULL, 
	source_dir TEXT NOT NULL, 
	resolved JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	seconds_spent DOUBLE NOT NULL, 
	error TEXT, 
	driver JSON, owner VARCHAR(64) DEFAULT '' NOT NULL, priority INTEGER DEFAULT '0' NOT NULL, wanted VARCHAR(16), revision INTEGER DEFAULT '1' NOT NULL, budget JSON, workers INTEGER, launch JSON, control_seq INTEGER DEFAULT '0' NOT NULL, last_seq INTEGER DEFAULT '0' NOT NULL, num_candidates INTEGER DEFAULT '0' NOT NULL, num_scored INTEGER DEFAULT '0' NOT NULL, num_infeasible INTEGER DEFAULT '0' NOT NULL, num_running INTEGER DEFAULT '0' NOT NULL, num_done INTEGER DEFAULT '0' NOT NULL, num_lost INTEGER DEFAULT '0' NOT NULL, num_search_items BIGINT DEFAULT '0' NOT NULL, prompt_tokens BIGINT DEFAULT '0' NOT NULL, generated_tokens BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('wqi53xsr','finished','finished','{"name": "finished", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:56:25.520958','2026-11-01 22:56:25.725160',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,33,5,4,1,0,10,1,16,210,21);
INSERT INTO "experiments" VALUES('ae4wcqqk','interrupted','interrupted','{"name": "interrupted", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:56:25.732942','2026-11-01 22:56:25.877173',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,22,4,3,1,0,6,1,12,120,12);
INSERT INTO "experiments" VALUES('hkqjrdgt','killed','running','{"name": "killed", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:56:25.880930','2026-11-01 22:56:26.005214',12.5,NULL,'{"host": "node-1", "pid": 23300, "process_started": 1795733784.0, "heartbeat": "2026-11-01T22:56:26.005376+00:00", "token": "aaa66344ab2cbf365acde6cc064f5ed4"}','',0,NULL,2,NULL,NULL,NULL,0,23,5,3,1,1,6,1,12,120,12);
CREATE TABLE item_scores (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_item_scores PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_item_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(1,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(3,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(3,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(7,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000000',8.57142857142857095276e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(9,'words','0000000000000001',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'choice','0000000000000002',7.14285714285714301574e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'words','0000000000000003',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','1000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(11,'words','1000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(12,'words','2000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(13,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(15,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(19,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(19,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(21,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(21,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(23,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(23,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(27,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(27,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
CREATE TABLE requests (
	owner VARCHAR(64) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	resource TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (owner, "key")
);
CREATE TABLE tokens (
	id VARCHAR(8) NOT NULL, 
	name TEXT NOT NULL, 
	owner VARCHAR(64) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	last_used_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
CREATE INDEX ix_experiments_created_at_id ON experiments (created_at, id);
CREATE INDEX ix_experiments_name ON experiments (name);
CREATE INDEX ix_candidates_experiment_id_recipe_digest ON candidates (experiment_id, recipe_digest);
CREATE INDEX ix_candidates_experiment_id_state_fitness ON candidates (experiment_id, state, fitness);
CREATE INDEX ix_evaluations_items_digest ON evaluations (items_digest);
CREATE INDEX ix_experiments_state_created_at ON experiments (state, created_at);
CREATE INDEX ix_experiments_owner_state ON experiments (owner, state);
CREATE INDEX ix_events_experiment_id_kind_seq ON events (experiment_id, kind, seq);
CREATE INDEX ix_requests_at ON requests (at);
CREATE INDEX ix_artifacts_experiment_id_created_at ON artifacts (experiment_id, created_at);
CREATE INDEX ix_artifacts_state ON artifacts (state);
CREATE INDEX ix_candidates_overview ON candidates (experiment_id, number, kind, state, fitness, created_at);
COMMIT;
